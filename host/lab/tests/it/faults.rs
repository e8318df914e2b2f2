//! Faults of the API.

use lockstep_lab::Fault;
use serde_json::json;

use crate::setup::{http, up};

const CREATE: &str = "mutation($i:ServiceCreateInput!){serviceCreate(input:$i){id}}";

#[tokio::test]
async fn a_dropped_reply_cuts_the_connection_after_the_work_was_done_once() {
    let fixture = up(&[]).await;
    fixture.lab.inject(Fault::DropReply { mutation: Some("serviceCreate".to_owned()), nth: 1 });
    let input = json!({ "i": { "projectId": fixture.lab.project_id(), "name": "made-once" } });
    let lost = fixture.send(CREATE, input, &fixture.lab.token()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert!(fixture.lab.service_id("made-once").is_some());
    let mutations = fixture.lab.mutations();
    assert_eq!(mutations.len(), 1);
    assert_eq!(
        (mutations[0].name.as_str(), mutations[0].service.as_deref()),
        ("serviceCreate", Some("made-once"))
    );
    fixture.data("{projectToken{id}}", json!({})).await;
}

#[tokio::test]
async fn answers_401_429_and_504_do_nothing() {
    let fixture = up(&[]).await;
    let input = json!({ "i": { "projectId": fixture.lab.project_id(), "name": "never" } });
    for (fault, status) in [
        (Fault::Unauthorized { times: Some(1) }, 401),
        (Fault::TooManyRequests { times: Some(1), retry_after: 7 }, 429),
        (Fault::GatewayTimeout { times: Some(1) }, 504),
    ] {
        fixture.lab.inject(fault);
        let answer = fixture.send(CREATE, input.clone(), &fixture.lab.token()).await.unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers.contains("retry-after: 7"), status == 429);
    }
    assert!(fixture.lab.mutations().is_empty());
    assert!(fixture.lab.service_id("never").is_none());
}

#[tokio::test]
async fn an_api_that_is_down_answers_nothing_until_it_is_mended() {
    let fixture = up(&[]).await;
    fixture.lab.inject(Fault::Down);
    assert!(fixture.send("{projectToken{id}}", json!({}), &fixture.lab.token()).await.is_err());
    fixture.lab.mend();
    fixture.data("{projectToken{id}}", json!({})).await;
}

#[tokio::test]
async fn an_unhealthy_redis_is_deployed_and_answers_nothing() {
    let fixture = up(&["redis"]).await;
    fixture.lab.inject(Fault::Unhealthy { image: "redis:7.0".to_owned() });
    fixture.set_image("redis", "redis:7.0").await;
    // Without a health check Railway calls it a success.
    assert_eq!(fixture.deploy("redis").await["status"], "SUCCESS");
    assert!(fixture.redis("PING").await.is_err());
}

#[tokio::test]
async fn the_controls_want_their_token() {
    let fixture = up(&[]).await;
    let url = format!("{}/lab/control", fixture.lab.url());
    let body = json!({ "do": "break", "fault": { "fault": "down" } }).to_string();
    let refused = http("POST", &url, &[], &body).await.unwrap();
    assert_eq!(refused.status, 401);
    let token = format!("Bearer {}", fixture.lab.control_token());
    let unknown =
        http("POST", &url, &[("Authorization", &token)], "{\"do\":\"fly\"}").await.unwrap();
    assert!(unknown.status == 400 && unknown.body.contains("fly"), "{unknown:?}");
    let status =
        http("POST", &url, &[("Authorization", &token)], "{\"do\":\"status\"}").await.unwrap();
    assert!(status.body.contains("\"stack\":\"as-run\""), "{}", status.body);
}
