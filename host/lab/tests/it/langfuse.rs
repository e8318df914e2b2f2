//! Langfuse in the stacks where it has tables.

use lockstep_lab::{Fault, MigrationFault, Stack};
use serde_json::Value;

use crate::cluster::until;
use crate::setup::{Fixture, Http, http, up_with};

const STACK: [&str; 6] =
    ["postgres", "redis", "clickhouse", "minio", "langfuse-web", "langfuse-worker"];

async fn clickhouse(fixture: &Fixture, statement: &str) -> String {
    let variables = fixture.lab.variables("clickhouse").unwrap();
    let headers = [
        ("X-ClickHouse-User", variables["CLICKHOUSE_USER"].as_str()),
        ("X-ClickHouse-Key", variables["CLICKHOUSE_PASSWORD"].as_str()),
    ];
    let url = format!("{}/", variables["CLICKHOUSE_HTTP_URL"]);
    http("POST", &url, &headers, statement).await.unwrap().body
}

async fn current(fixture: &Fixture) -> String {
    let asked = "SELECT version, dirty FROM schema_migrations ORDER BY sequence DESC LIMIT 1";
    clickhouse(fixture, asked).await
}

async fn web(fixture: &Fixture, path: &str) -> std::io::Result<Http> {
    let address = fixture.lab.address("langfuse-web").unwrap();
    http("GET", &format!("http://{address}:3000/{path}"), &[], "").await
}

/// Waits until the web service tells this version.
async fn serves(fixture: &Fixture, version: &str) {
    let healthy = "api/public/health?failIfDatabaseUnavailable=true";
    until(async || match web(fixture, healthy).await {
        Ok(answer) if answer.status == 200 && answer.body.contains(version) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn a_killed_migration_fails_its_deployment_and_the_former_version_goes_on() {
    let fixture = up_with(&STACK, |options| options.stack = Stack::Langfuse350).await;
    serves(&fixture, "3.50.0").await;
    assert_eq!(current(&fixture).await, "10\t0\n");
    let how = MigrationFault::ClickhouseKilled;
    fixture.lab.inject(Fault::LangfuseMigration { how });
    fixture.set_image("langfuse-web", "langfuse/langfuse:3.170.0").await;
    let failed = fixture.deploy("langfuse-web").await;
    assert!(["FAILED", "CRASHED"].contains(&failed["status"].as_str().unwrap()), "{failed}");
    assert_eq!(current(&fixture).await, "11\t1\n");
    serves(&fixture, "3.50.0").await;

    fixture.lab.mend();
    for repair in [
        "DROP TABLE blob_storage_file_log",
        "INSERT INTO schema_migrations (version, dirty, sequence) VALUES (10, 0, toUnixTimestamp64Nano(now64(9)))",
    ] {
        assert_eq!(clickhouse(&fixture, repair).await, "");
    }
    assert_eq!(fixture.deploy("langfuse-web").await["status"], "SUCCESS");
    serves(&fixture, "3.170.0").await;
    assert_eq!(current(&fixture).await, "34\t0\n");
    fixture.lab.down().await.unwrap();
}

#[tokio::test]
async fn langfuse_2_serves_with_postgres_alone() {
    let fixture = up_with(&["postgres", "langfuse-web"], |options| {
        options.stack = Stack::Langfuse295;
        options.images.clear();
    })
    .await;
    serves(&fixture, "2.95.11").await;
    let variables = fixture.lab.variables("langfuse-web").unwrap();
    let keys = ["PUBLIC", "SECRET"].map(|kind| format!("LANGFUSE_INIT_PROJECT_{kind}_KEY"));
    assert!(keys.iter().all(|key| variables[key].contains("-lf-")), "{variables:?}");
    let answer = web(&fixture, "api/public/projects").await.unwrap();
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["error"]), (401, &Value::from("UnauthorizedError")));
    fixture.lab.down().await.unwrap();
}
