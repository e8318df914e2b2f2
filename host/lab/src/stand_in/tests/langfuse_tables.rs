//! The stand-ins for Langfuse where it has tables: what its migrations leave, whole and broken off.

use serde_json::json;

use super::stack::{
    DRAINING, ask_clickhouse, execute, get, get_as, number, post_as, postgres, redis, until, url,
    use_redis,
};
use crate::launcher::tests::harness::Service;
use crate::stand_in::{
    MigrationFault,
    langfuse::{FAULT_VARIABLE, TABLES_VARIABLE},
};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const FINISHED: &str = "SELECT count(*) FROM background_migrations WHERE finished_at IS NOT NULL";
const TRACES: &str = "SELECT count(*) FROM traces";
/// Rows of three batches, and none of them as old as another.
const ROWS: &str = "\
    INSERT INTO traces (id, name, project_id, created_at) \
      SELECT 't' || n, 'it''s old', 'lab', now() - n * interval '1 second' FROM generate_series(1, 2500) n; \
    INSERT INTO observations (id, trace_id, project_id) SELECT 'o' || n, 't' || n, 'lab' FROM generate_series(1, 40) n; \
    INSERT INTO scores (id, trace_id, name, project_id) SELECT 's' || n, 't' || n, 'good', 'lab' FROM generate_series(1, 30) n";

/// A whole Langfuse: both of its services, and what they need.
struct Langfuse {
    database: Service,
    cache: Service,
    clickhouse: Service,
    minio: Service,
    web: Service,
    worker: Service,
}

impl Langfuse {
    /// Services at ten addresses from `number` on; nothing runs yet.
    fn new(number: u8) -> Self {
        let variables = [("CLICKHOUSE_USER", "u"), ("CLICKHOUSE_PASSWORD", "secret")];
        let mut clickhouse =
            Service::new(number + 2, "clickhouse/clickhouse-server:24.8.4.13", &variables)
                .with_volume("/var/lib/clickhouse");
        clickhouse.set("CLICKHOUSE_DB", "default");
        let (database, cache) = (postgres(number), redis(number + 1));
        let root = [("MINIO_ROOT_USER", "root"), ("MINIO_ROOT_PASSWORD", "secret")];
        let minio = Service::new(number + 5, "minio/minio", &root).with_volume("/data");
        let mut web = Service::new(
            number + 3,
            "",
            &[("NEXTAUTH_SECRET", "s"), ("NEXTAUTH_URL", "https://l"), ("SALT", "s")],
        );
        let mut worker = Service::new(number + 4, "", &[]);
        for service in [&mut web, &mut worker] {
            service.set(TABLES_VARIABLE, "true");
            service.set("DATABASE_URL", &url(&database, "secret"));
        }
        for (name, value) in [
            ("ORG_ID", "lab"),
            ("PROJECT_ID", "lab"),
            ("PROJECT_PUBLIC_KEY", "pk"),
            ("PROJECT_SECRET_KEY", "sk"),
        ] {
            web.set(&format!("LANGFUSE_INIT_{name}"), value);
        }
        let mut all = Self { database, cache, clickhouse, minio, web, worker };
        all.version("2.95.11");
        all
    }

    fn version(&mut self, version: &str) {
        self.web.launch.image = format!("langfuse/langfuse:{version}");
        self.worker.launch.image = format!("langfuse/langfuse-worker:{version}");
    }

    /// Sets what 3.x needs.
    fn wire(&mut self) {
        let address = self.clickhouse.launch.address;
        for service in [&mut self.web, &mut self.worker] {
            service.set("CLICKHOUSE_URL", &format!("http://{address}:8123"));
            service.set("CLICKHOUSE_MIGRATION_URL", &format!("clickhouse://{address}:9000"));
            service.set("CLICKHOUSE_USER", "u");
            service.set("CLICKHOUSE_PASSWORD", "secret");
            service.set("CLICKHOUSE_CLUSTER_ENABLED", "false");
            let endpoint = format!("http://{}:9000", self.minio.launch.address);
            for (name, value) in [
                ("ENDPOINT", endpoint.as_str()),
                ("BUCKET", "langfuse"),
                ("ACCESS_KEY_ID", "root"),
                ("SECRET_ACCESS_KEY", "secret"),
                ("FORCE_PATH_STYLE", "true"),
                ("REGION", "us-east-1"),
            ] {
                service.set(&format!("LANGFUSE_S3_EVENT_UPLOAD_{name}"), value);
            }
            service.set("ENCRYPTION_KEY", KEY);
            use_redis(service, &self.cache, "REDIS_AUTH");
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        number(&self.database, sql).await.unwrap()
    }

    async fn clickhouse(&self, statement: &str) -> String {
        ask_clickhouse(&self.clickhouse, statement).await.unwrap().body.trim_end().to_owned()
    }

    /// The number that ClickHouse's migrations are at, and whether it is dirty.
    async fn current(&self) -> String {
        self.clickhouse(
            "SELECT version, dirty FROM schema_migrations ORDER BY sequence DESC LIMIT 1",
        )
        .await
    }

    /// Waits until so many background migrations are finished.
    async fn finished(&self, least: i64) {
        let enough = async || match number(&self.database, FINISHED).await {
            Ok(finished) if finished >= least => Ok(()),
            other => Err(format!("{other:?}")),
        };
        self.worker.until(enough).await;
    }

    /// Starts the web service, which must refuse to.
    async fn refuses(&mut self, reason: &str) {
        let status = self.web.deploy().await.exited().await;
        assert!(!status.success());
        assert!(self.web.log().contains(reason), "{}", self.web.log());
    }
}

#[tokio::test]
async fn from_2_to_3_to_4_nothing_is_lost_where_each_background_migration_is_waited_for() {
    let mut it = Langfuse::new(100);
    let database_runs = it.database.deploy().await;
    let web_runs = it.web.deploy().await;
    until(&it.web, "3000/api/public/health?failIfDatabaseUnavailable=true", 200).await;
    execute(&it.database, ROWS).await;
    let (old, body) = (
        "3000/api/public/traces/t7",
        json!({"batch": [
        {"id": "e", "type": "trace-create", "body": {"id": "new", "name": "ours"}}, {"id": "f", "type": "other"}]}),
    );
    let web = it.web.launch.address;
    assert_eq!(get_as(web, old, "pk", "sk").await.json()["name"], "it's old");
    assert_eq!(get_as(web, old, "pk", "other").await.status, 401);
    let taken = post_as(web, "3000/api/public/ingestion", "pk", "sk", &body).await;
    assert_eq!(taken.status, 207);
    let taken = taken.json();
    assert_eq!(
        (&taken["successes"][0]["id"], &taken["errors"][0]["id"]),
        (&json!("e"), &json!("f"))
    );
    assert_eq!(it.number("SELECT count(*) FROM traces WHERE id = 'new'").await, 1);
    assert_eq!(it.number(FINISHED).await, 0);
    assert!(web_runs.stop(DRAINING).await.success());

    // Nothing that 3.x needs is set; the databases are untouched until it is.
    it.version("3.29.0");
    it.refuses("CLICKHOUSE_URL is not configured").await;
    it.wire();
    it.web.launch.variables.remove("LANGFUSE_S3_EVENT_UPLOAD_BUCKET");
    let (cache_runs, clickhouse_runs) = (it.cache.deploy().await, it.clickhouse.deploy().await);
    it.refuses("LANGFUSE_S3_EVENT_UPLOAD_BUCKET is required").await;
    assert_eq!(it.current().await, "8\t0", "it migrates before it looks at its other variables");
    it.web.set("LANGFUSE_S3_EVENT_UPLOAD_BUCKET", "langfuse");
    let web_runs = it.web.deploy().await;
    until(&it.web, "3000/api/public/health", 200).await;
    assert_eq!(get_as(web, old, "pk", "sk").await.status, 404, "it is not in ClickHouse yet");
    let worker_runs = it.worker.deploy().await;
    it.finished(4).await;
    assert_eq!(get_as(web, old, "pk", "sk").await.json()["name"], "it's old");
    let moved = it.clickhouse("SELECT uniqExact(id) FROM traces WHERE id LIKE 't%'").await;
    assert_eq!(moved, "2500");
    let others =
        "SELECT (SELECT count() FROM observations FINAL), (SELECT count() FROM scores FINAL)";
    assert_eq!(it.clickhouse(others).await, "40\t30");
    let state = "SELECT count(*) FROM background_migrations WHERE state->>'maxDate' < '2100' AND name LIKE '%traces%'";
    assert_eq!(it.number(state).await, 1);
    let body = json!({"batch": [{"id": "g", "type": "trace-create", "body": {"id": "newer", "name": "ours"}}]});
    let post = async || post_as(web, "3000/api/public/ingestion", "pk", "sk", &body).await.status;
    assert_eq!(post().await, 500, "there is no S3");
    let minio_runs = it.minio.deploy().await;
    until(&it.minio, "9000/minio/health/ready", 200).await;
    assert_eq!(post().await, 500, "there is no bucket");
    assert!(minio_runs.stop(DRAINING).await.success());
    it.minio.launch.start_command =
        Some("sh -c 'mkdir -p /data/langfuse && minio server /data'".to_owned());
    let minio_runs = it.minio.deploy().await;
    until(&it.minio, "9000/minio/health/ready", 200).await;
    assert_eq!(post().await, 207);
    assert_eq!(get(it.minio.launch.address, "9000/langfuse/any", "").await.unwrap().status, 403);
    let there = async || match get_as(web, "3000/api/public/traces/newer", "pk", "sk").await {
        answer if answer.status == 200 => Ok(()),
        answer => Err(answer.body),
    };
    it.worker.until(there).await;
    for running in [web_runs, worker_runs] {
        assert!(running.stop(DRAINING).await.success());
    }

    it.version("3.225.4");
    let web_runs = it.web.deploy().await;
    until(&it.web, "3000/api/public/health", 200).await;
    let worker_runs = it.worker.deploy().await;
    it.finished(7).await;
    assert_eq!(it.current().await, "37\t0");
    for running in [web_runs, worker_runs] {
        assert!(running.stop(DRAINING).await.success());
    }
    it.version("3.50.0");
    it.refuses("no migration found for version 37").await;

    // ClickHouse is too old for 4.x, which drops from PostgreSQL before it finds out.
    it.version("4.16.0");
    it.refuses("Unknown Index type").await;
    assert_eq!(it.current().await, "39\t1");
    assert!(number(&it.database, TRACES).await.is_err());
    assert!(clickhouse_runs.stop(DRAINING).await.success());
    it.clickhouse.launch.image = "clickhouse/clickhouse-server:26.9.2.1".to_owned();
    let clickhouse_runs = it.clickhouse.deploy().await;
    until(&it.clickhouse, "8123/ping", 200).await;
    it.refuses("Dirty database version 39").await;
    it.clickhouse("INSERT INTO schema_migrations VALUES (38, 0, toUnixTimestamp64Nano(now64(9)))")
        .await;
    it.web.set("LANGFUSE_MIGRATION_V4_WRITE_MODE", "dual");
    let web_runs = it.web.deploy().await;
    until(&it.web, "3000/api/public/health", 200).await;
    assert_eq!(it.current().await, "46\t0");
    assert_eq!(get_as(web, old, "pk", "sk").await.json()["name"], "it's old");
    assert_eq!(
        it.number("SELECT count(*) FROM background_migrations WHERE name LIKE '2024%'").await,
        0
    );
    drop((web_runs, minio_runs, clickhouse_runs, cache_runs, database_runs));
}

#[tokio::test]
async fn a_migration_that_is_killed_leaves_what_the_next_start_stumbles_over() {
    let mut it = Langfuse::new(110);
    it.wire();
    it.version("3.50.0");
    let runs = (it.database.deploy().await, it.cache.deploy().await, it.clickhouse.deploy().await);
    it.database.until(async || number(&it.database, "SELECT 1::bigint").await).await;
    until(&it.clickhouse, "8123/ping", 200).await;
    it.web.set(FAULT_VARIABLE, MigrationFault::PostgresKilled.name());
    it.refuses("a fault killed the process").await;
    let unfinished = "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL";
    assert_eq!(it.number(unfinished).await, 1);
    it.web.set(FAULT_VARIABLE, MigrationFault::ClickhouseKilled.name());
    it.refuses("P3009").await;
    execute(&it.database, "UPDATE _prisma_migrations SET rolled_back_at = now()").await;
    it.refuses("in the middle of migration `1`").await;
    assert_eq!(it.current().await, "1\t1");
    it.web.launch.variables.remove(FAULT_VARIABLE);
    it.refuses("Dirty database version 1. Fix and force version.").await;
    it.clickhouse("DROP TABLE traces").await;
    it.clickhouse("TRUNCATE TABLE schema_migrations").await;
    let web_runs = it.web.deploy().await;
    until(&it.web, "3000/api/public/health", 200).await;
    assert_eq!(it.current().await, "10\t0");

    execute(&it.database, ROWS).await;
    it.worker.set(FAULT_VARIABLE, MigrationFault::BackgroundFails.name());
    let worker_runs = it.worker.deploy().await;
    let failed = "SELECT count(*) FROM background_migrations WHERE failed_at IS NOT NULL AND failed_reason LIKE 'lab:%'";
    let one = async |sql: &str| match number(&it.database, sql).await {
        Ok(1) => Ok(()),
        other => Err(format!("{other:?}")),
    };
    it.worker.until(async || one(failed).await).await;
    assert!(worker_runs.stop(DRAINING).await.success());
    execute(&it.database, "UPDATE background_migrations SET failed_at = NULL, failed_reason = NULL, finished_at = now() WHERE name LIKE '%1216%'").await;
    it.worker.set(FAULT_VARIABLE, MigrationFault::BackgroundStalls.name());
    let worker_runs = it.worker.deploy().await;
    let stalled = "SELECT count(*) FROM background_migrations WHERE finished_at IS NULL \
        AND locked_at < (now() AT TIME ZONE 'UTC') - interval '9 minutes' AND state ? 'maxDate'";
    it.worker.until(async || one(stalled).await).await;
    assert_eq!(it.clickhouse("SELECT count() FROM traces WHERE id LIKE 't%'").await, "1000");
    assert!(worker_runs.stop(DRAINING).await.success());
    it.worker.launch.variables.remove(FAULT_VARIABLE);
    let worker_runs = it.worker.deploy().await;
    it.finished(4).await;
    assert_eq!(it.clickhouse("SELECT uniqExact(id) FROM traces WHERE id LIKE 't%'").await, "2500");
    drop((web_runs, worker_runs, runs));
}

#[tokio::test]
async fn a_worker_that_is_told_to_leaves_background_migrations_alone() {
    let mut it = Langfuse::new(120);
    it.wire();
    it.version("3.29.0");
    it.worker.set("LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS", "false");
    let runs = (it.database.deploy().await, it.cache.deploy().await, it.clickhouse.deploy().await);
    let (web_runs, worker_runs) = (it.web.deploy().await, it.worker.deploy().await);
    until(&it.web, "3000/api/public/health", 200).await;
    until(&it.worker, "3030/api/health", 200).await;
    let told = async || match it.worker.log() {
        log if log.contains("no background migration runs") => Ok(()),
        log => Err(log),
    };
    it.worker.until(told).await;
    assert_eq!(it.number(FINISHED).await, 0);
    drop((web_runs, worker_runs, runs));
}
