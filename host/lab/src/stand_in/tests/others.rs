//! The stand-ins for ClickHouse, `MinIO` and the stack's own two services.

use std::time::Duration;

use super::stack::{get, number, postgres, until, url};
use crate::launcher::tests::harness::Service;
use crate::stand_in::BOOT_VARIABLE;

#[tokio::test]
async fn clickhouse_tells_its_version_to_whom_it_knows() {
    let variables = [("CLICKHOUSE_USER", "u"), ("CLICKHOUSE_PASSWORD", "secret")];
    let mut clickhouse = Service::new(70, "clickhouse/clickhouse-server:24.8.4.13", &variables);
    let running = clickhouse.deploy().await;
    let ping = until(&clickhouse, "8123/ping", 200).await;
    assert_eq!(ping.body, "Ok.\n");
    let address = clickhouse.launch.address;
    let asked = async |query: &str| {
        get(address, &format!("8123/?user=u&password=secret&query={query}"), "").await.unwrap()
    };
    assert_eq!(asked("SELECT%20version()").await.body, "24.8.4.13\n");
    assert_eq!(asked("SELECT%20timezone()").await.body, "UTC\n");
    assert_eq!(asked("SELECT%202").await.body, "2\n");
    assert!(asked("SYSTEM%20RELOAD%20CONFIG").await.body.contains("stand-in"));
    let refused = get(address, "8123/?user=u&password=wrong&query=SELECT%201", "").await.unwrap();
    assert_eq!(refused.status, 403);
    assert!(tokio::net::TcpStream::connect((address, 9000)).await.is_ok());
    drop(running);
}

#[tokio::test]
async fn the_backup_service_calls_a_failed_dump_a_success_as_the_real_one_does() {
    let mut minio = Service::new(71, "minio/minio", &[]).with_start_command("minio server /data");
    let minio_runs = minio.deploy().await;
    let alive = until(&minio, "9000/minio/health/live", 200).await;
    assert!(alive.headers.contains("stand-in for MinIO"), "{}", alive.headers);
    assert!(minio.log().contains("minio server /data"));
    let variables = [("PORT", "8080"), ("DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d")];
    let mut backup = Service::new(72, "repo:backup-service", &variables);
    backup.set("MINIO_ENDPOINT", &format!("{}:9000", minio.launch.address));
    let running = backup.deploy().await;
    let address = backup.launch.address;
    let counted = async |least: u64| {
        let answer = get(address, "8080/health", "").await.map_err(|error| error.to_string())?;
        let state = answer.json()["backup_state"].clone();
        if state["postgres_backups"].as_u64() >= Some(least) {
            Ok(state)
        } else {
            Err(state.to_string())
        }
    };
    let state = backup.until(async || counted(1).await).await;
    assert_eq!(state["last_status"], "success");
    assert_eq!(state["total_size_bytes"], 20);
    assert_eq!(get(address, "8080/backup", "").await.unwrap().status, 202);
    backup.until(async || counted(2).await).await;
    drop((running, minio_runs));
}

#[tokio::test]
async fn the_health_monitor_answers_503_in_normal_operation() {
    let mut database = postgres(73);
    let database_runs = database.deploy().await;
    database.until(async || number(&database, "SELECT 1::bigint").await).await;
    let mut litellm =
        Service::new(74, "ghcr.io/berriai/litellm:v1.80.0", &[("LITELLM_MASTER_KEY", "sk-master")]);
    let litellm_runs = litellm.deploy().await;
    until(&litellm, "4000/health/liveliness", 200).await;
    let mut monitor =
        Service::new(75, "repo:health-monitor", &[("DATABASE_URL", &url(&database, "secret"))]);
    monitor.set("LITELLM_URL", &format!("http://{}:4000", litellm.launch.address));
    let running = monitor.deploy().await;
    let address = monitor.launch.address;
    let checked = async || {
        let answer = get(address, "8080/health", "").await.map_err(|error| error.to_string())?;
        let body = answer.json();
        if body["services"]["postgres"].is_object() {
            Ok((answer.status, body))
        } else {
            Err(body.to_string())
        }
    };
    let (status, body) = monitor.until(checked).await;
    assert_eq!(status, 503);
    assert_eq!(body["status"], "degraded");
    assert_eq!(body["services"]["litellm"]["error"], "HTTP 401");
    assert_eq!(body["services"]["postgres"]["status"], "healthy");
    drop((running, litellm_runs, database_runs));
}

#[tokio::test]
async fn each_service_of_the_stack_listens_only_once_it_has_booted_and_ends_before_if_it_is_asked_to()
 {
    for (number, image, port) in [
        (77, "ghcr.io/berriai/litellm-database:main-stable", 4000),
        (78, "langfuse/langfuse:3", 3000),
        (79, "langfuse/langfuse-worker:3", 3030),
        (80, "repo:backup-service", 8080),
        (81, "repo:health-monitor", 8080),
    ] {
        let mut service = Service::new(number, image, &[(BOOT_VARIABLE, "3600")]);
        let running = service.deploy().await;
        let introduced = async || match service.log() {
            log if log.contains("stand-in for") => Ok(()),
            log => Err(log),
        };
        service.until(introduced).await;
        let listens = tokio::net::TcpStream::connect((service.launch.address, port)).await;
        assert!(listens.is_err(), "{image} listens");
        let ended = running.stop(Duration::from_mins(1)).await;
        assert!(ended.success(), "{image}: {ended}");
    }
    let mut service = Service::new(82, "langfuse/langfuse-worker:3", &[(BOOT_VARIABLE, "soon")]);
    assert!(!service.deploy().await.exited().await.success());
    assert!(service.log().contains(BOOT_VARIABLE), "{}", service.log());
}
