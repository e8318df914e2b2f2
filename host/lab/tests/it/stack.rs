//! The whole stack, with a real PostgreSQL and a real Redis.

use lockstep_lab::Stack;
use serde_json::json;
use tokio::time::Instant;

use crate::setup::{up, up_with};

#[tokio::test(flavor = "multi_thread")]
async fn all_nine_services_of_the_stack_as_run_become_healthy() {
    let fixture = up_with(&[], |options| options.services = None).await;
    let status = fixture.lab.status();
    for service in &status.services {
        assert_eq!(service.status, "SUCCESS", "{}: {:?}", service.name, service.reason);
        println!(
            "{} on {}: {}",
            service.name,
            service.address,
            service.runs_as.as_deref().unwrap_or_default()
        );
    }
    let real: Vec<_> = status
        .services
        .iter()
        .filter(|service| !service.stand_in)
        .map(|service| &service.name)
        .collect();
    assert_eq!(real, ["postgres", "redis"]);
    let query = "query($e:String!){environment(id:$e){serviceInstances(first:50){edges{node{serviceName \
                 source{image repo} latestDeployment{id status meta} activeDeployments{id status}}}}}}";
    let begun = Instant::now();
    fixture.data(query, json!({ "e": fixture.lab.environment_id() })).await;
    println!("one query over all services took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_as_written_cannot_become_healthy() {
    let change = |options: &mut lockstep_lab::Options| {
        options.stack = Stack::AsWritten;
        options.time_scale = 0.02;
        options.services =
            Some(vec!["postgres".to_owned(), "redis".to_owned(), "litellm".to_owned()]);
    };
    let fixture = up_with(&[], change).await;
    let status = fixture.lab.status();
    let litellm = status.service("litellm").unwrap();
    assert_eq!(litellm.status, "FAILED");
    assert!(litellm.reason.as_ref().unwrap().contains("only 200 counts"), "{litellm:?}");
}

#[tokio::test]
async fn two_labs_run_side_by_side() {
    let (one, other) = (up(&["redis"]).await, up(&["redis"]).await);
    assert_ne!(one.lab.block(), other.lab.block());
    one.redis_says("SET only here", "+OK").await;
    other.redis_says("EXISTS only", ":0").await;
}

#[tokio::test]
async fn the_stack_as_run_lives_on_an_image_that_is_gone() {
    let fixture = up_with(&["redis"], |options| options.images.clear()).await;
    if fixture.lab.status().service("redis").unwrap().status != "SUCCESS" {
        println!("skipped: nothing here speaks Redis 7.2");
        return;
    }
    let running = fixture.deployment(&fixture.latest("redis").await).await;
    assert_eq!(running["meta"]["image"], "bitnami/redis:7.2");
    fixture.redis_says("PING", "+PONG").await;
    assert_eq!(fixture.deploy("redis").await["status"], "FAILED");
    fixture.redis_says("PING", "+PONG").await;
    let digest = running["meta"]["imageDigest"].as_str().unwrap();
    fixture.set_image("redis", &format!("bitnamilegacy/redis@{digest}")).await;
    assert_eq!(fixture.deploy("redis").await["status"], "SUCCESS");
    fixture.redis_says("PING", "+PONG").await;
}

#[tokio::test]
async fn the_stack_redis_6_runs_the_official_redis_with_its_password() {
    let change = |options: &mut lockstep_lab::Options| {
        options.stack = Stack::Redis6;
        options.images.clear();
    };
    let fixture = up_with(&["redis"], change).await;
    assert!(
        fixture
            .lab
            .status()
            .service("redis")
            .unwrap()
            .runs_as
            .as_ref()
            .unwrap()
            .starts_with("Redis 6.2")
    );
    fixture.redis_says("CONFIG GET appendonly", "yes").await;
}
