//! Variables and instance settings through the API.

use serde_json::{Value, json};

use crate::setup::{Fixture, up};

const UPSERT: &str =
    "mutation($i:VariableCollectionUpsertInput!){variableCollectionUpsert(input:$i)}";
const READ: &str = "query($p:String!,$e:String!,$s:String,$u:Boolean)\
                    {variables(projectId:$p,environmentId:$e,serviceId:$s,unrendered:$u)}";

async fn upsert(fixture: &Fixture, service: &str, variables: Value, replace: bool) {
    let input = json!({
        "projectId": fixture.lab.project_id(), "environmentId": fixture.lab.environment_id(),
        "serviceId": fixture.service(service), "variables": variables, "replace": replace, "skipDeploys": true,
    });
    fixture.data(UPSERT, json!({ "i": input })).await;
}

async fn read(fixture: &Fixture, service: &str, unrendered: bool) -> Value {
    let variables = json!({
        "p": fixture.lab.project_id(), "e": fixture.lab.environment_id(),
        "s": fixture.service(service), "u": unrendered,
    });
    fixture.data(READ, variables).await["variables"].clone()
}

#[tokio::test]
async fn references_come_back_as_text_or_rendered() {
    let fixture = up(&[]).await;
    upsert(
        &fixture,
        "litellm",
        json!({ "DATABASE_URL": "${{postgres.DATABASE_URL}}?a=1", "LOST": "${{no.ONE}}" }),
        false,
    )
    .await;
    let text = read(&fixture, "litellm", true).await;
    assert_eq!(text["DATABASE_URL"], "${{postgres.DATABASE_URL}}?a=1");
    let rendered = read(&fixture, "litellm", false).await;
    let url = rendered["DATABASE_URL"].as_str().unwrap();
    let address = fixture.lab.address("postgres").unwrap();
    assert!(url.contains(&format!("@{address}:5432/litellm_langfuse?a=1")), "{url}");
    assert_eq!(rendered["LOST"], "");
}

#[tokio::test]
async fn replacing_deletes_what_is_not_named() {
    let fixture = up(&[]).await;
    upsert(&fixture, "minio", json!({ "ONLY": "this" }), true).await;
    assert_eq!(read(&fixture, "minio", true).await, json!({ "ONLY": "this" }));
    assert_eq!(fixture.lab.mutations().len(), 1);
    assert_eq!(fixture.lab.mutations()[0].service.as_deref(), Some("minio"));
}

#[tokio::test]
async fn a_change_without_skipping_deploys_everything_that_refers_to_it() {
    let fixture = up(&["redis"]).await;
    let before = fixture.latest("redis").await;
    let query = "mutation($i:VariableUpsertInput!){variableUpsert(input:$i)}";
    let input = json!({
        "projectId": fixture.lab.project_id(), "environmentId": fixture.lab.environment_id(),
        "serviceId": fixture.service("redis"), "name": "REDIS_PASSWORD", "value": "changed-password",
    });
    fixture.data(query, json!({ "i": input })).await;
    assert_ne!(fixture.latest("redis").await, before);
    let query =
        "query($i:DeploymentListInput!){deployments(input:$i,first:50){edges{node{serviceId}}}}";
    let deployments = fixture
        .data(query, json!({ "i": { "projectId": fixture.lab.project_id() } }))
        .await
        .to_string();
    for name in ["litellm", "langfuse-web", "langfuse-worker", "health-monitor"] {
        assert!(deployments.contains(&fixture.service(name)), "{name}");
    }
    assert!(!deployments.contains(&fixture.service("minio")));
}

#[tokio::test]
async fn a_sealed_variable_never_comes_back() {
    let fixture = up(&[]).await;
    let service = fixture.service("redis");
    let patch = json!({ "services": { service.clone(): { "variables": { "HIDDEN": { "value": "sealed-text", "isSealed": true } } } } });
    let query = "mutation($e:String!,$i:EnvironmentConfig!){environmentStageChanges(environmentId:$e,input:$i){id}}";
    fixture.data(query, json!({ "e": fixture.lab.environment_id(), "i": patch })).await;
    let query =
        "mutation($e:String!){environmentPatchCommitStaged(environmentId:$e,skipDeploys:true)}";
    fixture.data(query, json!({ "e": fixture.lab.environment_id() })).await;
    assert_eq!(fixture.lab.variables("redis").unwrap()["HIDDEN"], "sealed-text");
    assert!(!read(&fixture, "redis", true).await.to_string().contains("sealed-text"));
    assert!(!read(&fixture, "redis", false).await.to_string().contains("sealed-text"));
    let query = "query($e:String!){environment(id:$e){config(decryptVariables:true)}}";
    let config = fixture.data(query, json!({ "e": fixture.lab.environment_id() })).await;
    assert!(!config.to_string().contains("sealed-text"));
    assert_eq!(
        config["environment"]["config"]["services"][service]["variables"]["HIDDEN"]["isSealed"],
        true
    );
}

#[tokio::test]
async fn null_unsets_a_setting_and_absence_keeps_it() {
    let fixture = up(&[]).await;
    let settings = "query($s:String!,$e:String!){serviceInstance(serviceId:$s,environmentId:$e)\
                    {healthcheckPath drainingSeconds sleepApplication source{image}}}";
    let variables = json!({ "s": fixture.service("litellm"), "e": fixture.lab.environment_id() });
    fixture.update("litellm", json!({ "drainingSeconds": 60, "sleepApplication": false })).await;
    let before = fixture.data(settings, variables.clone()).await["serviceInstance"].clone();
    assert_eq!(before["healthcheckPath"], "/health/liveliness");
    assert_eq!(
        (&before["drainingSeconds"], &before["sleepApplication"]),
        (&json!(60), &json!(false))
    );
    fixture.update("litellm", json!({ "healthcheckPath": null })).await;
    let after = fixture.data(settings, variables).await["serviceInstance"].clone();
    assert_eq!((&after["healthcheckPath"], &after["drainingSeconds"]), (&Value::Null, &json!(60)));
    assert_eq!(after["source"], before["source"]);
}
