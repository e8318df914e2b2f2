//! Deployments of a service with a volume, with a real Redis.

use lockstep_lab::Control;
use serde_json::json;

use crate::setup::{PATIENCE, REDIS, options, up};

#[tokio::test]
async fn a_real_redis_is_deployed_and_keeps_its_data_over_a_change_of_version() {
    let fixture = up(&["redis"]).await;
    let status = fixture.lab.status();
    let redis = status.service("redis").unwrap();
    assert_eq!((redis.status.as_str(), redis.stand_in, redis.serving), ("SUCCESS", false, true));
    assert!(redis.runs_as.as_ref().unwrap().contains("Redis 7.0.15"), "{redis:?}");
    fixture.redis_says("SET kept yes", "+OK").await;
    fixture.set_image("redis", "redis:7.0").await;
    let deployment = fixture.deploy("redis").await;
    assert_eq!(deployment["status"], "SUCCESS");
    assert_eq!(deployment["meta"]["image"], "redis:7.0");
    assert!(deployment["meta"]["imageDigest"].as_str().unwrap().starts_with("sha256:"));
    fixture.redis_says("GET kept", "yes").await;
}

#[tokio::test]
async fn the_former_deployment_of_a_service_with_a_volume_is_gone_before_the_next_runs() {
    let fixture = up(&["redis"]).await;
    let former = fixture.latest("redis").await;
    let next = fixture.deploy("redis").await;
    let former = fixture.deployment(&former).await;
    assert_eq!(
        (former["status"].as_str(), former["canRollback"].as_bool()),
        (Some("REMOVED"), Some(true))
    );
    assert!(fixture.reasons(next["id"].as_str().unwrap()).await.contains("DRAIN_INSTANCES"));
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_fails_and_says_so() {
    let fixture = up(&["redis"]).await;
    fixture.redis_says("SET kept yes", "+OK").await;
    fixture.set_image("redis", "redis:9.9").await;
    let deployment = fixture.deploy("redis").await;
    assert_eq!(deployment["status"], "FAILED");
    let reasons = fixture.reasons(deployment["id"].as_str().unwrap()).await;
    assert!(reasons.contains("could not pull `redis:9.9`: manifest unknown"), "{reasons}");
    // Nothing was stopped for an image that never came.
    fixture.redis_says("GET kept", "yes").await;
}

#[tokio::test]
async fn an_image_without_a_server_on_this_machine_fails_and_says_so() {
    let fixture = up(&["redis"]).await;
    fixture.set_image("redis", "redis:7.4").await;
    let deployment = fixture.deploy("redis").await;
    assert_eq!(deployment["status"], "FAILED");
    let reasons = fixture.reasons(deployment["id"].as_str().unwrap()).await;
    assert!(reasons.contains("NO_LAUNCHER") && reasons.contains("7.4"), "{reasons}");
}

#[tokio::test]
async fn redeploying_runs_the_live_image_whatever_the_source_says() {
    let fixture = up(&["redis"]).await;
    fixture.set_image("redis", "redis:6.2.14").await;
    let query =
        "mutation($s:String!,$e:String!){serviceInstanceRedeploy(serviceId:$s,environmentId:$e)}";
    let variables = json!({ "s": fixture.service("redis"), "e": fixture.lab.environment_id() });
    fixture.data(query, variables).await;
    let deployment = fixture.settled(&fixture.latest("redis").await).await;
    assert_eq!(
        (&deployment["status"], &deployment["meta"]["image"]),
        (&json!("SUCCESS"), &json!(REDIS))
    );
}

#[tokio::test]
async fn a_rollback_brings_image_and_variables_back_and_leaves_the_source() {
    let fixture = up(&["redis"]).await;
    let former = fixture.latest("redis").await;
    fixture.set_image("redis", "redis:7.0").await;
    fixture.deploy("redis").await;
    fixture
        .data("mutation($id:String!){deploymentRollback(id:$id)}", json!({ "id": former }))
        .await;
    let deployment = fixture.settled(&fixture.latest("redis").await).await;
    assert_eq!(
        (&deployment["status"], &deployment["meta"]["image"]),
        (&json!("SUCCESS"), &json!(REDIS))
    );
    let query = "query($s:String!,$e:String!){serviceInstance(serviceId:$s,environmentId:$e){source{image}}}";
    let variables = json!({ "s": fixture.service("redis"), "e": fixture.lab.environment_id() });
    assert_eq!(
        fixture.data(query, variables).await["serviceInstance"]["source"]["image"],
        "redis:7.0"
    );
}

#[tokio::test]
async fn a_process_that_keeps_failing_crashes_the_deployment() {
    let fixture = up(&["redis"]).await;
    let broken = json!({ "startCommand": "redis-server --no-such-option yes", "restartPolicyMaxRetries": 2 });
    fixture.update("redis", broken).await;
    let deployment = fixture.deploy("redis").await;
    let id = deployment["id"].as_str().unwrap();
    fixture.deployment_when(id, |deployment| deployment["status"] == "CRASHED").await;
    let query = "query($id:String!){deploymentLogs(deploymentId:$id){message timestamp}}";
    let logs = fixture.data(query, json!({ "id": id })).await.to_string();
    assert!(logs.contains("no-such-option"), "{logs}");
}

#[tokio::test]
async fn a_stopped_deployment_is_completed_and_can_be_restarted() {
    let fixture = up(&["redis"]).await;
    let id = fixture.latest("redis").await;
    fixture.data("mutation($id:String!){deploymentStop(id:$id)}", json!({ "id": id })).await;
    let stopped =
        fixture.deployment_when(&id, |deployment| deployment["deploymentStopped"] == true).await;
    assert_eq!(stopped["status"], "SUCCESS");
    assert!(fixture.redis("PING").await.is_err());
    fixture.data("mutation($id:String!){deploymentRestart(id:$id)}", json!({ "id": id })).await;
    fixture.redis_says("PING", "+PONG").await;
}

#[tokio::test]
async fn somebody_elses_deployment_shows_as_any_other_and_is_no_mutation() {
    let fixture = up(&["redis"]).await;
    let before = fixture.latest("redis").await;
    fixture.lab.control(Control::DeployService { service: "redis".to_owned() }).unwrap();
    let latest = fixture.latest("redis").await;
    assert_ne!(latest, before);
    assert_eq!(fixture.settled(&latest).await["status"], "SUCCESS");
    assert!(fixture.lab.mutations().is_empty());
}

#[tokio::test]
async fn a_lab_that_was_down_takes_its_volumes_and_ids_up_again() {
    let fixture = up(&["redis"]).await;
    fixture.redis_says("SET kept yes", "+OK").await;
    fixture.redis_says("SAVE", "+OK").await;
    let (project, service) = (fixture.lab.project_id(), fixture.service("redis"));
    fixture.lab.down().await.unwrap();
    let mut again = options(fixture.folder.path());
    again.services = Some(vec!["redis".to_owned()]);
    let lab = lockstep_lab::Lab::up(again).await.unwrap();
    lab.settle(PATIENCE).await.unwrap();
    assert_eq!((lab.project_id(), lab.service_id("redis")), (project, Some(service)));
    let fixture = crate::setup::Fixture { lab, folder: fixture.folder };
    fixture.redis_says("GET kept", "yes").await;
}
