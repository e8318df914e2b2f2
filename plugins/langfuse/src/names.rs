//! Names of steps, labels, watches, connections and endpoints.

/// The component.
pub(crate) const COMPONENT: &str = "langfuse";

/// The connection to the database that Langfuse uses.
pub(crate) const DATABASE: &str = "postgres";
/// The connection to the Redis server that holds its queues.
pub(crate) const REDIS: &str = "redis";
/// The endpoint of the web service.
pub(crate) const WEB_ENDPOINT: &str = "langfuse-web";
/// The endpoint of the web service to which the host adds the keys of a project.
pub(crate) const API: &str = "langfuse-api";
/// The endpoint of the worker.
pub(crate) const WORKER_ENDPOINT: &str = "langfuse-worker";
/// The endpoint of ClickHouse to which the host adds user and password.
pub(crate) const CLICKHOUSE: &str = "clickhouse-sql";
/// The endpoint of the object storage.
pub(crate) const STORAGE: &str = "minio";
/// The endpoint that lists releases.
pub(crate) const RELEASES: &str = "releases";

pub(crate) const KEEP: &str = "keep";
pub(crate) const PIN: &str = "pin";
pub(crate) const GRACE: &str = "grace";
pub(crate) const PATIENCE: &str = "patience";
pub(crate) const DRY: &str = "dry";
/// The labels with which both services are deployed as they are.
pub(crate) const DRY_WEB: &str = "dry-web";
pub(crate) const DRY_WORKER: &str = "dry-worker";
pub(crate) const BACK_SMOKE: &str = "back-smoke";
pub(crate) const BEFORE: &str = "before";
/// The label with which a trace is written before anything changes.
pub(crate) const INGEST_BEFORE: &str = "ingest-before";
pub(crate) const REVIEW: &str = "review";
/// Backups; each label is its step's name, by which the host names the backup.
pub(crate) const BACKUP_DATABASE: &str = "backup-postgres";
pub(crate) const BACKUP_CLICKHOUSE: &str = "backup-clickhouse";
pub(crate) const BACKUP_STORAGE: &str = "backup-storage";
/// Steps that only the way from version 2 has: services are made, get secrets, and are started; the web service is led to them.
pub(crate) const MAKE: &str = "make";
pub(crate) const SECRETS: &str = "secrets";
pub(crate) const REST: &str = "rest";
pub(crate) const REST_UNDO: &str = "rest-undo";
pub(crate) const WIRE: &str = "wire";
/// The worker is let move what version 2 kept, and everything must be there afterwards.
pub(crate) const GO: &str = "go";
pub(crate) const GO_DEPLOY: &str = "go-deploy";
pub(crate) const MOVED: &str = "moved";
pub(crate) const WEB: &str = "web";
/// The labels with which the web service is let migrate again, told how to write, and given its new image.
pub(crate) const WEB_MIGRATES: &str = "web-migrates";
pub(crate) const WEB_MODE: &str = "web-mode";
pub(crate) const WEB_IMAGE: &str = "web-image";
/// The label of the deployment of the new web service, which migrates.
pub(crate) const WEB_DEPLOY: &str = "web-deploy";
pub(crate) const WEB_UNDO: &str = "web-undo";
/// The label of the deployment of the former web service.
pub(crate) const BACK_WEB: &str = "back-web-deploy";
pub(crate) const WORKER: &str = "worker";
/// The label of the deployment of the new worker.
pub(crate) const WORKER_DEPLOY: &str = "worker-deploy";
pub(crate) const WORKER_UNDO: &str = "worker-undo";
/// The label of the deployment of the former worker.
pub(crate) const BACK_WORKER: &str = "back-worker-deploy";
pub(crate) const BACKGROUND: &str = "background";
pub(crate) const SMOKE: &str = "smoke";
/// The label with which a trace is written through the new version.
pub(crate) const INGEST_AFTER: &str = "ingest-after";
pub(crate) const SOAK: &str = "soak";
pub(crate) const CLOSE: &str = "close";

/// The watch that sees whether the web service is ready and has its database.
pub(crate) const WATCH_SERVING: &str = "serving";
/// The watch that sees whether the worker has its database and its queues.
pub(crate) const WATCH_WORKING: &str = "working";
/// The watch that sees whether a migration is left half done.
pub(crate) const WATCH_MIGRATIONS: &str = "migrations";
