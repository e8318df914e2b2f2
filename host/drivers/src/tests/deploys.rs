use lockstep_engine::journal::Sent;
use lockstep_engine::model::{DeploySource, Kind, Read, Reading, Value};
use lockstep_engine::run::Follow;
use lockstep_lab::{Fault, Stack};

use super::world::{One, World, effect, listening, named};
use crate::order::text_of;

fn deploy() -> Kind {
    Kind::Deploy { service: named("redis"), source: DeploySource::Configured }
}

async fn digest(world: &World, image: &str) -> String {
    let reading = world.read(Read::Published(image.to_owned())).await.unwrap();
    let Reading::Published(Some(found)) = reading else { panic!("{reading:?}") };
    found.digest
}

#[tokio::test]
async fn an_image_is_set_and_deployed_and_really_runs() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let wanted = digest(&world, "redis:7.0.15").await;
    let image = format!("redis:7.0.15@{wanted}");
    world.done("image", Kind::SetImage { service: named("redis"), image: image.clone() }).await;
    let facts = world.done("deploy", deploy()).await;
    assert_eq!(text_of(&facts, "digest"), Some(wanted.as_str()));
    assert!(
        matches!(facts.iter().find(|fact| fact.name == "boot-ms").unwrap().rows[0][0], Value::Integer(ms) if ms >= 0)
    );
    listening(&world.lab, "redis", 6379).await;
    let words = vec![b"INFO".to_vec(), b"server".to_vec()];
    let Reading::Redis(answer) = world.read(Read::Redis("cache".to_owned(), words)).await.unwrap()
    else {
        panic!()
    };
    assert!(format!("{answer:?}").contains("Text"), "{answer:?}");
    let lockstep_engine::model::Node::Text(bytes) = &answer[0] else { panic!("{answer:?}") };
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains("redis_version:7.0"), "{text}");
    // The same image again, by the way that services without an image of their own need.
    let again = Kind::Deploy { service: named("redis"), source: DeploySource::SameImage };
    let facts = world.done("again", again).await;
    assert_eq!(text_of(&facts, "digest"), Some(wanted.as_str()));
}

#[tokio::test]
async fn an_unhealthy_deploy_says_why_and_that_nothing_runs() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let settings = vec![
        ("healthcheck-path".to_owned(), "/health".to_owned()),
        ("healthcheck-timeout".to_owned(), "2".to_owned()),
    ];
    world.done("health", Kind::SetSettings { service: named("redis"), settings }).await;
    world.lab.inject(Fault::Unhealthy { image: "redis".to_owned() });
    let why = world.carry_out(&One::of(&effect("deploy", deploy()))).await.unwrap_err();
    assert!(why.contains("health check"), "{why}");
    assert!(why.contains("has a volume") && why.contains("nothing of it runs"), "{why}");
}

#[tokio::test]
async fn a_digest_that_can_not_be_pulled_fails_with_railways_reason() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let image = format!("redis:7.0.15@sha256:{}", "0".repeat(64));
    world.done("image", Kind::SetImage { service: named("redis"), image }).await;
    let why = world.carry_out(&One::of(&effect("deploy", deploy()))).await.unwrap_err();
    assert!(why.contains("FAILED") && !why.contains("gives no reason"), "{why}");
}

#[tokio::test]
async fn a_stopped_service_runs_nowhere_and_stopping_it_again_is_no_error() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let stop = effect("stop", Kind::Stop { service: named("redis") });
    let facts = world.carry_out(&One::of(&stop)).await.unwrap();
    assert_eq!(facts[0].rows.len(), 1);
    let read = Read::Redis("cache".to_owned(), vec![b"PING".to_vec()]);
    assert!(world.read(read).await.is_err());
    let again = world.carry_out(&One::of(&stop)).await.unwrap();
    assert!(again[0].rows.is_empty());
    assert_eq!(world.count("deploymentRemove"), 1);
}

#[tokio::test]
async fn a_restart_is_followed_until_it_runs_again() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let run_id = async || {
        let words = vec![b"INFO".to_vec(), b"server".to_vec()];
        let reading = world.read(Read::Redis("cache".to_owned(), words)).await;
        format!("{reading:?}")
    };
    let before = run_id().await;
    world.done("restart", Kind::Restart { service: named("redis") }).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let after = run_id().await;
        if after.starts_with("Ok") && after != before {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{after}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.count("deploymentRestart"), 1);
}

#[tokio::test]
async fn what_a_person_says_has_happened_is_followed_by_what_stands_there() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let deploy = effect("deploy", deploy());
    let one = One::of(&deploy);
    let intent = world.intend(&one).await;
    let why = world.follow(&one, &intent, &[]).await.unwrap_err();
    assert!(why.contains("no deployment that was made since"), "{why}");
    let Sent::Done(given) = world.send(&one, &intent).await else { panic!() };
    let facts = world.follow(&one, &intent, &[]).await.unwrap();
    assert_eq!(text_of(&facts, "deployment"), text_of(&given, "deployment"));
    assert!(text_of(&facts, "digest").is_some(), "{facts:?}");

    let restart = effect("restart", Kind::Restart { service: named("redis") });
    let one = One::of(&restart);
    let intent = world.intend(&one).await;
    world.follow(&one, &intent, &[]).await.unwrap();
    let stop = effect("stop", Kind::Stop { service: named("redis") });
    let one = One::of(&stop);
    let intent = world.intend(&one).await;
    let going = world.drivers.follow_order(&one.order(), &intent, &[]).await.unwrap();
    assert!(matches!(going, Follow::Going { .. }), "{going:?}");
    world.send(&one, &intent).await;
    world.follow(&one, &intent, &[]).await.unwrap();
}
