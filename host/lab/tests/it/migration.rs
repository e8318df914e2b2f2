//! The job `pg-migrate-ha`, from a single PostgreSQL into the cluster.

use serde_json::{Value, json};

use crate::cluster::{deploy, rows, until};
use crate::setup::{Fixture, PATIENCE, up};

const CREATE: &str = "mutation($i:ServiceCreateInput!){serviceCreate(input:$i){id}}";
const SET: &str = "mutation($i:VariableCollectionUpsertInput!){variableCollectionUpsert(input:$i)}";
const LOGS: &str = "query($d:String!){deploymentLogs(deploymentId:$d,limit:500){message}}";

async fn set(fixture: &Fixture, variables: Value) {
    let input = json!({
        "projectId": fixture.lab.project_id(),
        "environmentId": fixture.lab.environment_id(),
        "serviceId": fixture.service("migrate"),
        "variables": variables,
        "skipDeploys": true,
    });
    fixture.data(SET, json!({ "i": input })).await;
}

/// Deploys the job and waits for its end; returns its status and what it said.
async fn run(fixture: &Fixture) -> (String, String) {
    let deployment = fixture.deploy("migrate").await;
    let id = deployment["id"].as_str().unwrap();
    let ended = |it: &Value| it["status"] == "CRASHED" || it["deploymentStopped"] == true;
    let ended = fixture.deployment_when(id, ended).await;
    let logs = fixture.data(LOGS, json!({ "d": id })).await["deploymentLogs"].clone();
    let lines = logs.as_array().unwrap().iter();
    let lines: Vec<&str> = lines.filter_map(|line| line["message"].as_str()).collect();
    (ended["status"].as_str().unwrap().to_owned(), lines.join("\n"))
}

#[tokio::test]
async fn the_migration_job_copies_once_and_has_the_real_ones_traps() {
    let fixture = up(&["postgres"]).await;
    deploy(&fixture).await;
    fixture.lab.settle(PATIENCE).await.unwrap();
    let fill =
        "CREATE TABLE kept (n int PRIMARY KEY); INSERT INTO kept SELECT generate_series(1, 500)";
    until(async || rows(&fixture, "postgres", fill).await).await;
    until(async || rows(&fixture, "pg-0", "SELECT 1").await).await;

    let source = json!({ "repo": "railwayapp-templates/pg-migrate-ha" });
    let input =
        json!({ "projectId": fixture.lab.project_id(), "name": "migrate", "source": source });
    fixture.data(CREATE, json!({ "i": input })).await;
    let first = fixture.latest("migrate").await;
    assert_eq!(fixture.settled(&first).await["status"], "FAILED");
    fixture.update("migrate", json!({ "rootDirectory": "script" })).await;
    set(
        &fixture,
        json!({
            "STANDALONE_URL": "${{postgres.DATABASE_URL}}",
            "PRIMARY_URL": "${{pg-0.DATABASE_URL}}",
        }),
    )
    .await;
    let (status, said) = run(&fixture).await;
    assert_eq!(status, "SUCCESS", "{said}");
    assert!(said.contains("Database litellm_langfuse restored successfully"), "{said}");
    assert!(said.contains("You may delete this service") && said.contains("stand-in"), "{said}");
    let copied = "SELECT count(*)::text FROM kept";
    // It is another database than the one that the cluster's own URL names.
    rows(&fixture, "pg-0", copied).await.unwrap_err();
    let listed = "SELECT datname::text FROM pg_database WHERE datname = 'litellm_langfuse'";
    assert_eq!(rows(&fixture, "pg-0", listed).await.unwrap(), ["litellm_langfuse"]);

    let (status, said) = run(&fixture).await;
    assert_eq!(status, "CRASHED");
    assert!(said.contains("already exists") && said.contains("Data sync failed!"), "{said}");

    let nowhere = "postgresql://u:p@127.77.254.254:5432/litellm_langfuse";
    set(&fixture, json!({ "STANDALONE_URL": nowhere })).await;
    let (status, said) = run(&fixture).await;
    assert_eq!(status, "SUCCESS");
    assert!(said.contains("Data sync completed successfully"), "{said}");
    assert!(!said.contains("restored successfully"), "{said}");
    fixture.lab.down().await.unwrap();
}
