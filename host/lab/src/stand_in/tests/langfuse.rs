//! The stand-ins for Langfuse.

use super::stack::{DRAINING, ask, get, number, postgres, redis, until, url, use_redis};
use crate::launcher::tests::harness::Service;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const EVENTS: &str = "SELECT count(*) FROM lab_langfuse_events";

fn web(number: u8) -> Service {
    let variables = [
        ("NEXTAUTH_SECRET", "s"),
        ("NEXTAUTH_URL", "https://langfuse"),
        ("SALT", "s"),
        ("ENCRYPTION_KEY", KEY),
        ("CLICKHOUSE_CLUSTER_ENABLED", "false"),
        ("CLICKHOUSE_USER", "clickhouse"),
        ("CLICKHOUSE_PASSWORD", "secret"),
        ("CLICKHOUSE_URL", "http://127.0.0.1:1"),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d"),
    ];
    Service::new(number, "langfuse/langfuse:3.170.0", &variables)
}

fn worker(number: u8) -> Service {
    let variables = [("ENCRYPTION_KEY", KEY), ("CLICKHOUSE_URL", "http://127.0.0.1:1")];
    Service::new(number, "langfuse/langfuse-worker:3.170.0", &variables)
}

async fn more_than(database: &Service, before: i64) -> Result<i64, String> {
    match number(database, EVENTS).await {
        Ok(events) if events > before => Ok(events),
        other => Err(format!("{other:?}")),
    }
}

#[tokio::test]
async fn an_event_goes_through_the_queue_into_the_database_and_waits_while_either_is_away() {
    let (mut database, mut cache) = (postgres(60), redis(61));
    let (database_runs, cache_runs) = (database.deploy().await, cache.deploy().await);
    let mut clickhouse = Service::new(62, "clickhouse/clickhouse-server:24.8", &[]);
    clickhouse.set("CLICKHOUSE_USER", "clickhouse");
    clickhouse.set("CLICKHOUSE_PASSWORD", "secret");
    let clickhouse_runs = clickhouse.deploy().await;
    let (mut web, mut worker) = (web(63), worker(64));
    for service in [&mut web, &mut worker] {
        service.set("DATABASE_URL", &url(&database, "secret"));
        service.set("CLICKHOUSE_URL", &format!("http://{}:8123", clickhouse.launch.address));
        use_redis(service, &cache, "REDIS_AUTH");
    }
    let (web_runs, worker_runs) = (web.deploy().await, worker.deploy().await);
    let health = until(&web, "3000/api/public/health", 200).await;
    assert_eq!(health.json()["version"], "3.170.0");
    until(&worker, "3030/api/health", 200).await;
    let address = web.launch.address;
    let before = worker.until(async || more_than(&database, 0).await).await;

    drop(database_runs);
    until(&worker, "3030/api/health", 500).await;
    until(&web, "3000/api/public/health", 200).await;
    until(&web, "3000/api/public/health?failIfDatabaseUnavailable=true", 503).await;
    let waiting = async || match ask::<i64>(&cache, &["LLEN", "bull:ingestion-queue:wait"]).await {
        Ok(events) if events > 1 => Ok(()),
        other => Err(format!("{other:?}")),
    };
    web.until(waiting).await;
    let database_runs = database.deploy().await;
    until(&worker, "3030/api/health", 200).await;
    let before = worker.until(async || more_than(&database, before + 1).await).await;

    drop(cache_runs);
    until(&worker, "3030/api/health", 500).await;
    let cache_runs = cache.deploy().await;
    cache.until(async || ask::<String>(&cache, &["PING"]).await).await;
    worker.until(async || more_than(&database, before).await).await;
    let trace = get(address, "3000/api/public/traces/none", "").await.unwrap();
    assert_eq!(trace.status, 404);
    for running in [web_runs, worker_runs] {
        let status = running.stop(DRAINING).await;
        assert!(status.success(), "{status}: {}", web.log());
    }
    // What was queued and not written is still in the queue. One number may have been drawn when Redis was killed,
    // for an event that was never acknowledged.
    let left: i64 = ask(&cache, &["LLEN", "bull:ingestion-queue:wait"]).await.unwrap();
    let taken: i64 = ask(&cache, &["LLEN", "bull:ingestion-queue:active"]).await.unwrap();
    let queued: i64 = ask(&cache, &["GET", "bull:ingestion-queue:id"]).await.unwrap();
    let written = number(&database, EVENTS).await.unwrap();
    assert!(left + taken + written >= queued - 1, "{left} + {taken} + {written} of {queued}");
    drop((database_runs, cache_runs, clickhouse_runs));
}

async fn refuses(mut service: Service, reason: &str) {
    let status = service.deploy().await.exited().await;
    assert!(!status.success());
    assert!(service.log().contains(reason), "{}", service.log());
}

#[tokio::test]
async fn an_encryption_key_that_is_not_64_hex_digits_is_refused() {
    let mut web = web(65);
    web.set("ENCRYPTION_KEY", "too short");
    refuses(web, "ENCRYPTION_KEY").await;
    let mut worker = worker(66);
    worker.set("ENCRYPTION_KEY", &KEY.replace('0', "g"));
    worker.set("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d");
    refuses(worker, "ENCRYPTION_KEY").await;
}

#[tokio::test]
async fn the_default_of_a_clickhouse_cluster_is_refused_as_its_migrations_would_fail() {
    let mut web = web(67);
    web.launch.variables.remove("CLICKHOUSE_CLUSTER_ENABLED");
    refuses(web, "CLICKHOUSE_CLUSTER_ENABLED").await;
}

#[tokio::test]
async fn without_its_database_the_web_service_waits_and_ends_when_asked() {
    let mut web = web(68);
    let running = web.deploy().await;
    web.until(
        async || if web.log().contains("trying again") { Ok(()) } else { Err("not tried yet") },
    )
    .await;
    assert!(get(web.launch.address, "3000/api/public/health", "").await.is_err());
    assert!(running.stop(DRAINING).await.success(), "{}", web.log());
}
