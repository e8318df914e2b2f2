//! The stand-in for registries.

use lockstep_lab::Control;
use serde_json::json;

use crate::setup::{Fixture, http, up, up_with};

async fn digest(fixture: &Fixture, name: &str, reference: &str) -> Option<String> {
    let url = format!("{}/v2/{name}/manifests/{reference}", fixture.lab.url());
    let answer = http("HEAD", &url, &[], "").await.unwrap();
    let line = answer.headers.lines().find_map(|line| line.strip_prefix("docker-content-digest: "));
    (answer.status == 200).then(|| line.unwrap().to_owned())
}

#[tokio::test]
async fn a_manifest_has_the_digest_that_it_is_served_with() {
    use sha2::Digest as _;
    let fixture = up(&[]).await;
    let told = digest(&fixture, "library/redis", "7.0").await.unwrap();
    let body = http("GET", &format!("{}/v2/redis/manifests/{told}", fixture.lab.url()), &[], "")
        .await
        .unwrap()
        .body;
    let real = sha2::Sha256::digest(body.as_bytes());
    assert_eq!(told, format!("sha256:{real:x}"));
    assert_eq!(digest(&fixture, "redis", "9.9").await, None);
}

#[tokio::test]
async fn a_moved_tag_is_deployed_by_its_new_digest_and_still_runs() {
    let fixture = up_with(&["redis"], |options| {
        options.images.insert("redis".to_owned(), "redis:7.0".to_owned());
    })
    .await;
    let before =
        fixture.deployment(&fixture.latest("redis").await).await["meta"]["imageDigest"].clone();
    fixture.lab.control(Control::MoveTag { image: "redis:7.0".to_owned(), version: None }).unwrap();
    let deployment = fixture.deploy("redis").await;
    assert_eq!(deployment["status"], "SUCCESS");
    assert_ne!(deployment["meta"]["imageDigest"], before);
    assert_eq!(
        digest(&fixture, "redis", "7.0").await.as_deref(),
        deployment["meta"]["imageDigest"].as_str()
    );
    // The old build is still there, by its digest.
    fixture.set_image("redis", &format!("redis@{}", before.as_str().unwrap())).await;
    let pinned = fixture.deploy("redis").await;
    assert_eq!((&pinned["status"], pinned["meta"].get("imageDigest")), (&json!("SUCCESS"), None));
}

#[tokio::test]
async fn a_vanished_image_cannot_be_deployed_but_redeployed() {
    let fixture = up(&["redis"]).await;
    fixture.lab.control(Control::Vanish { image: "redis:7.0.15".to_owned() }).unwrap();
    assert_eq!(fixture.deploy("redis").await["status"], "FAILED");
    let query =
        "mutation($s:String!,$e:String!){serviceInstanceRedeploy(serviceId:$s,environmentId:$e)}";
    let variables = json!({ "s": fixture.service("redis"), "e": fixture.lab.environment_id() });
    fixture.data(query, variables).await;
    assert_eq!(fixture.settled(&fixture.latest("redis").await).await["status"], "SUCCESS");
    assert!(fixture.lab.control(Control::Vanish { image: "redis:7.0.15".to_owned() }).is_err());
}

#[tokio::test]
async fn bitnamis_redis_is_gone_and_the_legacy_repository_has_its_digest() {
    let fixture = up(&[]).await;
    assert_eq!(digest(&fixture, "bitnami/redis", "7.2").await, None);
    let legacy = digest(&fixture, "bitnamilegacy/redis", "7.2").await.unwrap();
    assert_eq!(digest(&fixture, "bitnamilegacy/redis", &legacy).await, Some(legacy.clone()));
    assert_eq!(digest(&fixture, "bitnami/redis", &legacy).await, None);
}
