//! Deployments of a service without a volume: the former one serves until the next is healthy.

use lockstep_lab::Fault;
use serde_json::{Value, json};

use crate::setup::{Fixture, http, up};

const IMAGE: &str = "ghcr.io/berriai/litellm-database:main-v1.80.0-stable";

/// Deploys the stand-in for LiteLLM alone; it doesn't need its database to be alive.
async fn litellm() -> Fixture {
    let fixture = up(&["litellm"]).await;
    let latest = fixture.settled(&fixture.latest("litellm").await).await;
    assert_eq!(
        latest["status"],
        "SUCCESS",
        "{}",
        fixture.reasons(latest["id"].as_str().unwrap()).await
    );
    fixture
}

async fn alive(fixture: &Fixture) -> Option<u16> {
    let url = format!("http://{}:4000/health/liveliness", fixture.lab.address("litellm").unwrap());
    http("GET", &url, &[], "").await.ok().map(|answer| answer.status)
}

#[tokio::test]
async fn a_new_deployment_takes_over_without_a_gap() {
    let fixture = litellm().await;
    let former = fixture.latest("litellm").await;
    fixture.set_image("litellm", IMAGE).await;
    let (deployment, missed) = tokio::join!(fixture.deploy("litellm"), async {
        let mut missed = 0;
        for _ in 0..100 {
            missed += u32::from(alive(&fixture).await != Some(200));
        }
        missed
    });
    assert_eq!((&deployment["status"], missed), (&json!("SUCCESS"), 0));
    fixture.deployment_when(&former, |former| former["status"] == "REMOVED").await;
    assert_eq!(alive(&fixture).await, Some(200));
}

#[tokio::test]
async fn a_deployment_that_never_gets_healthy_fails_and_the_former_one_keeps_serving() {
    let fixture = litellm().await;
    let former = fixture.latest("litellm").await;
    fixture.lab.inject(Fault::Unhealthy { image: IMAGE.to_owned() });
    fixture.set_image("litellm", IMAGE).await;
    fixture.update("litellm", json!({ "healthcheckTimeout": 10 })).await;
    let deployment = fixture.deploy("litellm").await;
    assert_eq!(deployment["status"], "FAILED");
    let reasons = fixture.reasons(deployment["id"].as_str().unwrap()).await;
    assert!(reasons.contains("health check failed: no 200 within 10 s"), "{reasons}");
    assert_eq!(fixture.deployment(&former).await["status"], "SUCCESS");
    assert_eq!(alive(&fixture).await, Some(200));
}

#[tokio::test]
async fn a_health_check_that_answers_anything_but_200_fails() {
    let fixture = litellm().await;
    // LiteLLM's `/health` wants a key, as the guide's file has not noticed.
    fixture
        .update("litellm", json!({ "healthcheckPath": "/health", "healthcheckTimeout": 10 }))
        .await;
    let deployment = fixture.deploy("litellm").await;
    assert_eq!(deployment["status"], "FAILED");
    let reasons = fixture.reasons(deployment["id"].as_str().unwrap()).await;
    assert!(reasons.contains("`/health` answered 401; only 200 counts"), "{reasons}");
}

#[tokio::test]
async fn requests_through_the_front_are_logged_with_their_status() {
    let fixture = litellm().await;
    assert_eq!(alive(&fixture).await, Some(200));
    let query = "query($d:String!){httpLogs(deploymentId:$d,limit:10){method path httpStatus totalDuration}}";
    let logs: Value =
        fixture.data(query, json!({ "d": fixture.latest("litellm").await })).await["httpLogs"]
            .clone();
    let last = logs.as_array().unwrap().last().unwrap();
    assert_eq!((&last["path"], &last["httpStatus"]), (&json!("/health/liveliness"), &json!(200)));
}
