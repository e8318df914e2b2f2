//! The stand-in for `LiteLLM`.

use super::stack::{DRAINING, ask, execute, get, number, postgres, redis, until, url, use_redis};
use crate::launcher::tests::harness::Service;

const ROWS: &str = "SELECT count(*) FROM lab_litellm_requests";

fn litellm(number: u8, tag: &str) -> Service {
    let image = format!("ghcr.io/berriai/litellm-database:{tag}");
    Service::new(number, &image, &[("PORT", "4000"), ("LITELLM_MASTER_KEY", "sk-master")])
}

#[tokio::test]
async fn it_writes_to_the_databases_of_its_variables_and_comes_back_with_them() {
    let (mut database, mut cache) = (postgres(50), redis(51));
    let (database_runs, cache_runs) = (database.deploy().await, cache.deploy().await);
    let mut litellm = litellm(52, "main-stable");
    litellm.set("DATABASE_URL", &url(&database, "secret"));
    use_redis(&mut litellm, &cache, "REDIS_PASSWORD");
    let running = litellm.deploy().await;
    let ready = until(&litellm, "4000/health/readiness", 200).await;
    assert_eq!(ready.json()["db"], "connected", "{}", ready.body);
    assert!(ready.headers.contains("stand-in for LiteLLM"), "{}", ready.headers);
    let written = async |least| match number(&database, ROWS).await {
        Ok(rows) if rows >= least => Ok(rows),
        other => Err(format!("{other:?}")),
    };
    let before = litellm.until(async || written(1).await).await;
    let lifetime = async || match ask::<i64>(&cache, &["TTL", "lab:litellm:cache:background"]).await
    {
        Ok(seconds) if seconds > 0 => Ok(seconds),
        other => Err(format!("{other:?}")),
    };
    assert!(litellm.until(lifetime).await <= 600);

    drop((database_runs, cache_runs));
    until(&litellm, "4000/health/readiness", 503).await;
    until(&litellm, "4000/health/liveliness", 200).await;
    let (database_runs, cache_runs) = (database.deploy().await, cache.deploy().await);
    until(&litellm, "4000/health/readiness", 200).await;
    let written = async || match number(&database, ROWS).await {
        Ok(rows) if rows > before => Ok(()),
        other => Err(format!("{other:?}")),
    };
    litellm.until(written).await;
    let status = running.stop(DRAINING).await;
    assert!(status.success(), "{status}: {}", litellm.log());
    drop((database_runs, cache_runs));
}

#[tokio::test]
async fn a_wrong_password_breaks_it_and_only_its_readiness_tells() {
    let mut database = postgres(53);
    let database_runs = database.deploy().await;
    database.until(async || number(&database, "SELECT 1::bigint").await).await;
    let mut litellm = litellm(54, "main-v1.80.0-stable");
    litellm.set("DATABASE_URL", &url(&database, "wrong"));
    let running = litellm.deploy().await;
    // Up to 1.83 the status is 200 all the same, and the version is told.
    let ready = until(&litellm, "4000/health/readiness", 200).await.json();
    assert_eq!(ready["db"], "disconnected");
    assert_eq!(ready["litellm_version"], "1.80.0");
    drop((running, database_runs));
}

#[tokio::test]
async fn its_health_page_needs_the_key() {
    let mut litellm = litellm(55, "v1.106.2");
    let running = litellm.deploy().await;
    let refused = until(&litellm, "4000/health", 401).await;
    assert!(refused.headers.contains("1.106.2"), "{}", refused.headers);
    let address = litellm.launch.address;
    let answer = get(address, "4000/health", "sk-master").await.unwrap();
    assert_eq!(answer.json()["healthy_count"], 1);
    assert_eq!(get(address, "4000/health", "sk-other").await.unwrap().status, 401);
    let ready = get(address, "4000/health/readiness", "").await.unwrap().json();
    assert_eq!(ready["db"], "Not connected");
    assert_eq!(ready.get("litellm_version"), None);
    drop(running);
}

#[tokio::test]
async fn a_database_url_of_another_protocol_is_refused() {
    let mut litellm = litellm(56, "v1.80.0");
    litellm.set("DATABASE_URL", "mysql://u:p@h/d");
    let status = litellm.deploy().await.exited().await;
    assert!(!status.success());
}

const APPLIED: &str = "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL";
const LANGFUSES: &str = "SELECT count(*) FROM pg_tables WHERE tablename = 'lab_langfuse_events'";

#[tokio::test]
async fn its_job_applies_what_the_history_lacks_of_its_version_and_ends() {
    let mut database = postgres(57);
    let database_runs = database.deploy().await;
    database.until(async || number(&database, "SELECT 1::bigint").await).await;
    let mut job = litellm(58, "main-v1.80.0-stable")
        .with_start_command("python litellm/proxy/prisma_migration.py");
    job.set("DATABASE_URL", &url(&database, "secret"));
    for (version, applied) in [("1.80.0", 1), ("1.106.2", 2), ("1.106.2", 2)] {
        job.launch.image = format!("ghcr.io/berriai/litellm-database:{version}");
        let status = job.deploy().await.exited().await;
        assert!(status.success(), "{status}: {}", job.log());
        assert_eq!(number(&database, APPLIED).await.unwrap(), applied);
    }
    assert!(job.log().contains("stand-in for LiteLLM's migration"), "{}", job.log());
    job.set("DISABLE_SCHEMA_UPDATE", "true");
    assert!(job.deploy().await.exited().await.success());
    assert!(job.log().contains("nothing is migrated"), "{}", job.log());
    drop(database_runs);
}

#[tokio::test]
async fn its_job_drops_what_is_langfuses_only_where_a_fault_says_so() {
    let mut database = postgres(59);
    let database_runs = database.deploy().await;
    database.until(async || number(&database, "SELECT 1::bigint").await).await;
    execute(&database, "CREATE TABLE lab_langfuse_events (id int)").await;
    let mut job =
        litellm(60, "1.106.2").with_start_command("python litellm/proxy/prisma_migration.py");
    job.set("DATABASE_URL", &url(&database, "secret"));
    assert!(job.deploy().await.exited().await.success());
    assert_eq!(number(&database, LANGFUSES).await.unwrap(), 1);
    job.set(crate::stand_in::litellm::DROPS_VARIABLE, "true");
    assert!(job.deploy().await.exited().await.success());
    assert_eq!(number(&database, LANGFUSES).await.unwrap(), 0);
    drop(database_runs);
}

#[tokio::test]
async fn its_job_ends_well_without_a_database_unless_it_is_told_to_check() {
    let mut job =
        litellm(61, "1.106.2").with_start_command("python litellm/proxy/prisma_migration.py");
    job.set("DATABASE_URL", "postgresql://u:p@127.255.255.254:5432/d");
    assert!(job.deploy().await.exited().await.success());
    job.set("ENFORCE_PRISMA_MIGRATION_CHECK", "true");
    assert!(!job.deploy().await.exited().await.success());
}
