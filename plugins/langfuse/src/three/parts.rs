//! What version 3 rests on, and what everybody is told of it.

/// A service that is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// Its name, as the connections and endpoints know it.
    pub(super) name: &'static str,
    /// Where its data is.
    pub(super) mount: &'static str,
    /// Its variables.
    pub(super) texts: &'static [(&'static str, &'static str)],
    /// The variables that hold what it is entered with, which nobody sees. A user's name is one where its own variable elsewhere
    /// is called a key: what counts as secret must not be a word that stands in names of services.
    pub(super) secrets: &'static [&'static str],
    /// Its settings.
    pub(super) settings: &'static [(&'static str, &'static str)],
}

/// The name of the worker that is made.
pub(super) const WORKER: &str = "langfuse-worker";

/// The bucket, which the storage's own start makes: nobody here can ask for one by its own protocol.
pub(super) const BUCKET: &str = "langfuse";

/// How the storage and the queues are started. A start command replaces the image's entry point and nothing expands variables in
/// it, so a shell does.
const STORE: &str =
    "/bin/sh -c 'mkdir -p /data/langfuse && exec minio server /data --console-address :9001'";
const QUEUES: &str = "/bin/sh -c 'exec docker-entrypoint.sh redis-server --requirepass \"$REDIS_PASSWORD\" --appendonly yes \
    --appendfsync everysec --maxmemory-policy noeviction'";

/// ClickHouse, Redis and the object storage.
pub(super) const MADE: [Made; 3] = [
    Made {
        name: "clickhouse",
        mount: "/var/lib/clickhouse",
        texts: &[
            ("CLICKHOUSE_DB", "default"),
            ("CLICKHOUSE_USER", "clickhouse"),
            ("CLICKHOUSE_HTTP_URL", "http://${{RAILWAY_PRIVATE_DOMAIN}}:8123"),
            ("CLICKHOUSE_NATIVE_URL", "clickhouse://${{RAILWAY_PRIVATE_DOMAIN}}:9000"),
            ("TZ", "UTC"),
        ],
        secrets: &["CLICKHOUSE_PASSWORD"],
        settings: &[("draining-seconds", "60")],
    },
    Made {
        name: "redis",
        mount: "/data",
        texts: &[("REDIS_HOST", "${{RAILWAY_PRIVATE_DOMAIN}}"), ("REDIS_PORT", "6379")],
        secrets: &["REDIS_PASSWORD"],
        settings: &[("draining-seconds", "30"), ("start-command", QUEUES)],
    },
    Made {
        name: "minio",
        mount: "/data",
        texts: &[("MINIO_ENDPOINT", "http://${{RAILWAY_PRIVATE_DOMAIN}}:9000")],
        secrets: &["MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"],
        settings: &[("draining-seconds", "30"), ("start-command", STORE)],
    },
];

/// What the web service is told. The buckets of events, media and exports are one, each with a prefix of its own.
pub(crate) const WIRED: [(&str, &str); 30] = [
    ("CLICKHOUSE_URL", "${{clickhouse.CLICKHOUSE_HTTP_URL}}"),
    ("CLICKHOUSE_MIGRATION_URL", "${{clickhouse.CLICKHOUSE_NATIVE_URL}}"),
    ("CLICKHOUSE_USER", "${{clickhouse.CLICKHOUSE_USER}}"),
    ("CLICKHOUSE_PASSWORD", "${{clickhouse.CLICKHOUSE_PASSWORD}}"),
    ("CLICKHOUSE_DB", "${{clickhouse.CLICKHOUSE_DB}}"),
    ("CLICKHOUSE_CLUSTER_ENABLED", "false"),
    ("CLICKHOUSE_MIGRATION_SSL", "false"),
    ("REDIS_HOST", "${{redis.REDIS_HOST}}"),
    ("REDIS_PORT", "${{redis.REDIS_PORT}}"),
    ("REDIS_AUTH", "${{redis.REDIS_PASSWORD}}"),
    ("LANGFUSE_S3_EVENT_UPLOAD_BUCKET", BUCKET),
    ("LANGFUSE_S3_EVENT_UPLOAD_REGION", "us-east-1"),
    ("LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", "${{minio.MINIO_ENDPOINT}}"),
    ("LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID", "${{minio.MINIO_ROOT_USER}}"),
    ("LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY", "${{minio.MINIO_ROOT_PASSWORD}}"),
    ("LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE", "true"),
    ("LANGFUSE_S3_EVENT_UPLOAD_PREFIX", "events/"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_BUCKET", BUCKET),
    ("LANGFUSE_S3_MEDIA_UPLOAD_REGION", "us-east-1"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT", "${{minio.MINIO_ENDPOINT}}"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_ACCESS_KEY_ID", "${{minio.MINIO_ROOT_USER}}"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY", "${{minio.MINIO_ROOT_PASSWORD}}"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_FORCE_PATH_STYLE", "true"),
    ("LANGFUSE_S3_MEDIA_UPLOAD_PREFIX", "media/"),
    ("LANGFUSE_S3_BATCH_EXPORT_BUCKET", BUCKET),
    ("LANGFUSE_S3_BATCH_EXPORT_REGION", "us-east-1"),
    ("LANGFUSE_S3_BATCH_EXPORT_ENDPOINT", "${{minio.MINIO_ENDPOINT}}"),
    ("LANGFUSE_S3_BATCH_EXPORT_ACCESS_KEY_ID", "${{minio.MINIO_ROOT_USER}}"),
    ("LANGFUSE_S3_BATCH_EXPORT_SECRET_ACCESS_KEY", "${{minio.MINIO_ROOT_PASSWORD}}"),
    ("LANGFUSE_S3_BATCH_EXPORT_FORCE_PATH_STYLE", "true"),
];

/// What the worker is told besides, by reference to the web service.
pub(super) const SHARED: [&str; 3] = ["DATABASE_URL", "SALT", "ENCRYPTION_KEY"];

/// What the worker alone is told.
pub(super) const OF_WORKER: [(&str, &str); 3] =
    [("PORT", "3030"), ("TELEMETRY_ENABLED", "false"), (START, "false")];

/// The variable that lets the worker begin with what is migrated in the background.
pub(super) const START: &str = "LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS";
