//! The template `ha-postgres`: deployed through Railway's API, then robbed of its primary.

use std::time::Duration;

use lockstep_lab::Fault;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::setup::{Fixture, PATIENCE, up};

pub(crate) const TEMPLATE: &str =
    "query($c:String!){template(code:$c){id code name serializedConfig}}";
pub(crate) const DEPLOY: &str =
    "mutation($i:TemplateDeployV2Input!){templateDeployV2(input:$i){projectId workflowId}}";
const WORKFLOW: &str = "query($w:String!){workflowStatus(workflowId:$w){status error}}";

/// Asks until `attempt` succeeds.
pub(crate) async fn until<T, E: std::fmt::Debug>(
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a client of the service's `DATABASE_URL` gets from `sql`, each row as its values.
pub(crate) async fn rows(
    fixture: &Fixture,
    service: &str,
    sql: &str,
) -> Result<Vec<String>, String> {
    let url = fixture.lab.variables(service).unwrap()["DATABASE_URL"].clone();
    let asked = async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        let (rows, ended) = tokio::join!(
            async {
                let rows = client.simple_query(sql).await;
                drop(client);
                rows
            },
            connection
        );
        ended?;
        rows
    };
    let asked = tokio::time::timeout(Duration::from_secs(10), asked).await;
    let messages =
        asked.map_err(|_elapsed| "no answer".to_owned())?.map_err(|error| format!("{error:?}"))?;
    let rows = messages.iter().filter_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        let shown = |column: &str| row.columns().iter().any(|shown| shown.name() == column);
        // Of PgPool's table only what stays the same is looked at.
        let wanted: Vec<usize> = (0..row.len())
            .filter(|at| {
                let name = row.columns()[*at].name();
                !shown("node_id") || ["status", "pg_status", "pg_role"].contains(&name)
            })
            .collect();
        Some(wanted.iter().filter_map(|at| row.get(*at)).collect::<Vec<_>>().join(" "))
    });
    Ok(rows.collect())
}

/// Deploys the template as it is and waits for its workflow; returns what the workflow said, each thing once.
pub(crate) async fn deploy(fixture: &Fixture) -> Vec<String> {
    let template = fixture.data(TEMPLATE, json!({ "c": "ha-postgres" })).await["template"].clone();
    let input = json!({
        "templateId": template["id"],
        "serializedConfig": template["serializedConfig"],
        "projectId": fixture.lab.project_id(),
        "environmentId": fixture.lab.environment_id(),
    });
    let payload = fixture.data(DEPLOY, json!({ "i": input })).await["templateDeployV2"].clone();
    assert_eq!(payload["projectId"], fixture.lab.project_id());
    let said = followed(fixture, &payload).await;
    said.into_iter().map(|status| status["status"].as_str().unwrap().to_owned()).collect()
}

/// Follows a workflow to its end and returns what it said, each thing once.
pub(crate) async fn followed(fixture: &Fixture, payload: &Value) -> Vec<Value> {
    let mut said: Vec<Value> = Vec::new();
    until(async || {
        let status = fixture.data(WORKFLOW, json!({ "w": payload["workflowId"] })).await;
        let status = status["workflowStatus"].clone();
        if said.last() != Some(&status) {
            said.push(status.clone());
        }
        if ["Complete", "Error"].iter().any(|end| status["status"] == *end) {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;
    said
}

async fn statuses(fixture: &Fixture, expected: &[&str]) {
    until(async || match rows(fixture, "pgpool", "SHOW pool_nodes").await {
        Ok(shown) if shown == expected => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test]
async fn the_template_becomes_a_cluster_that_outlives_its_primary() {
    let fixture = up(&[]).await;
    assert_eq!(deploy(&fixture).await, ["NotFound", "Running", "Complete"]);
    fixture.lab.settle(PATIENCE).await.unwrap();
    let standby = "up up standby";
    statuses(&fixture, &["up up primary", standby, standby]).await;
    let database = rows(&fixture, "pgpool", "SELECT current_database()").await.unwrap();
    assert_eq!(database, ["railway"]);
    for sql in [
        "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'",
        "SELECT pg_reload_conf()",
        "CREATE TABLE kept (n int)",
        "INSERT INTO kept SELECT generate_series(1, 100)",
    ] {
        rows(&fixture, "pg-0", sql).await.unwrap();
    }

    fixture.lab.inject(Fault::Killed { service: "pg-0".to_owned() });
    until(async || rows(&fixture, "pgpool", "INSERT INTO kept VALUES (101)").await).await;
    let latest = fixture.latest("pg-0").await;
    fixture.deployment_when(&latest, |it| it["status"] == "CRASHED").await;
    let counted = "SELECT count(DISTINCT n)::text, pg_is_in_recovery()::text FROM kept";
    until(async || match rows(&fixture, "pgpool", counted).await {
        Ok(rows) if rows[0].starts_with("101 ") => Ok(()),
        other => Err(other),
    })
    .await;

    fixture.deploy("pg-0").await;
    until(async || match rows(&fixture, "pg-0", counted).await {
        Ok(rows) if rows == ["101 true"] => Ok(()),
        other => Err(other),
    })
    .await;
    // Nobody attaches it again, so PgPool is started anew, which looks at all of them.
    fixture.deploy("pgpool").await;
    until(async || match rows(&fixture, "pgpool", "SHOW pool_nodes").await {
        Ok(shown) if shown.iter().filter(|row| *row == standby).count() == 2 => Ok(()),
        other => Err(other),
    })
    .await;
    fixture.lab.down().await.unwrap();
}

#[tokio::test]
async fn what_a_template_can_not_be_deployed_as_is_refused_and_makes_nothing() {
    let fixture = up(&[]).await;
    let before = fixture.data(SERVICES, json!({ "p": fixture.lab.project_id() })).await;
    let message = fixture.refused(TEMPLATE, json!({ "c": "VgqHWg" })).await;
    assert_eq!(message, "Template not found");
    let template = fixture.data(TEMPLATE, json!({ "c": "ha-postgres" })).await["template"].clone();
    let input = |more: Value| {
        let mut input = json!({
            "templateId": template["id"],
            "serializedConfig": template["serializedConfig"],
            "projectId": fixture.lab.project_id(),
            "environmentId": fixture.lab.environment_id(),
        });
        let more = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(more);
        json!({ "i": input })
    };
    for (more, expected) in [
        (json!({ "stageOnly": true }), "stageOnly"),
        (json!({ "existingRootServiceId": "x" }), "existingRootServiceId"),
        (json!({ "templateId": "x" }), "Template not found"),
        (json!({ "serializedConfig": { "services": { "x": {} } } }), "services.x has no name"),
        (json!({ "serializedConfig": { "buckets": {} } }), "`buckets`"),
    ] {
        let message = fixture.refused(DEPLOY, input(more)).await;
        assert!(message.contains(expected), "{message}");
    }
    let after = fixture.data(SERVICES, json!({ "p": fixture.lab.project_id() })).await;
    assert_eq!(before, after);
}

const SERVICES: &str = "query($p:String!){project(id:$p){services{edges{node{name}}}}}";
