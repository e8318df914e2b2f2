//! PostgreSQL as the official image runs it; under root, as another user.

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use super::harness::Service;

const DRAINING: Duration = Duration::from_secs(20);

struct Connected {
    client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn connect(
    service: &Service,
    password: &str,
    database: &str,
) -> Result<Connected, tokio_postgres::Error> {
    let mut config = Config::new();
    config
        .host(service.launch.address.to_string())
        .user("admin")
        .password(password)
        .dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok(Connected { client, driver })
}

async fn text(service: &Service, sql: &str) -> String {
    let connected = service.until(async || connect(service, "secret", "app").await).await;
    connected.client.query_one(sql, &[]).await.unwrap().get(0)
}

fn service(number: u8) -> Service {
    let variables = [
        ("POSTGRES_USER", "admin"),
        ("POSTGRES_PASSWORD", "secret"),
        ("POSTGRES_DB", "app"),
        ("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C"),
    ];
    Service::new(number, "ghcr.io/railwayapp-templates/postgres-ssl:16", &variables)
        .with_volume("/var/lib/postgresql/data")
}

#[tokio::test]
async fn a_new_volume_becomes_the_database_that_the_variables_name_and_outlives_deployments() {
    let mut service = service(20);
    let running = service.deploy().await;
    assert_eq!(
        text(&service, "SELECT datcollate::text FROM pg_database WHERE datname = 'app'").await,
        "C"
    );
    assert_eq!(text(&service, "SHOW server_encoding").await, "UTF8");
    let wrong = connect(&service, "wrong", "app").await.err().expect("a wrong password is refused");
    assert_eq!(wrong.code().map(tokio_postgres::error::SqlState::code), Some("28P01"));
    let connected = connect(&service, "secret", "app").await.unwrap();
    connected
        .client
        .batch_execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('kept')")
        .await
        .unwrap();
    // A smart shutdown waits for clients, so this one leaves.
    drop(connected);
    let status = running.stop(DRAINING).await;
    assert!(status.success(), "{status}: {}", service.log());

    let mut killed = service.deploy().await;
    assert_eq!(text(&service, "SELECT a FROM t").await, "kept");
    killed.kill_now();
    killed.exited().await;

    service.launch.start_command =
        Some("docker-entrypoint.sh postgres -c wal_level=logical".to_owned());
    let again = service.deploy().await;
    assert_eq!(text(&service, "SELECT a FROM t").await, "kept");
    assert_eq!(text(&service, "SHOW wal_level").await, "logical");
    assert_eq!(text(&service, "SHOW listen_addresses").await, service.launch.address.to_string());
    drop(again);
}

#[tokio::test]
async fn a_volume_left_half_made_is_made_anew() {
    let mut service = service(21);
    let data = service.launch.volume.as_ref().unwrap().folder.clone();
    for left in [".initdb/base", "base/1", "global"] {
        std::fs::create_dir_all(data.join(left)).unwrap();
    }
    std::fs::write(data.join(".initdb/PG_VERSION"), "15\n").unwrap();
    let running = service.deploy().await;
    assert_eq!(text(&service, "SELECT current_user::text").await, "admin");
    drop(running);
}

#[tokio::test]
async fn without_a_password_a_new_volume_is_refused() {
    let mut service = service(22);
    service.set("POSTGRES_PASSWORD", "");
    let status = service.deploy().await.exited().await;
    assert_eq!(status.code(), Some(1));
    assert!(service.log().contains("POSTGRES_PASSWORD"), "{}", service.log());
}
