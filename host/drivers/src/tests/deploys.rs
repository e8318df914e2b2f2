use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{DeploySource, Fact, Kind, Read, Reading, Value};
use lockstep_engine::run::{Follow, World as _};
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
    // Each look dials anew: a connection to the former server breaks with it.
    let run_id = async || {
        let words = vec![b"INFO".to_vec(), b"server".to_vec()];
        let read = Read::Redis("cache".to_owned(), words);
        let Reading::Redis(answer) = world.open(|_| {}).await.read(&read).await.unwrap() else {
            panic!()
        };
        let lockstep_engine::model::Node::Text(bytes) = &answer[0] else { panic!("{answer:?}") };
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().find(|line| line.starts_with("run_id:")).unwrap().to_owned()
    };
    let before = run_id().await;
    let restart = effect("restart", Kind::Restart { service: named("redis") });
    let one = One::of(&restart);
    let intent = world.intend(&one).await;
    let Sent::Done(given) = world.send(&one, &intent).await else { panic!() };
    world.follow(&one, &intent, &given).await.unwrap();
    // The one before is gone by then, so whoever listens now is the new one.
    listening(&world.lab, "redis", 6379).await;
    assert_ne!(run_id().await, before);
    let now = world.drivers.stand(&one.order()).await.unwrap();
    assert_eq!(now["deployment"], intent.before["deployment"]);
    assert_ne!(now["containers"], intent.before["containers"]);
    assert_eq!(world.count("deploymentRestart"), 1);
}

#[tokio::test]
async fn a_restart_is_not_over_while_the_former_container_shows_success() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let restart = effect("restart", Kind::Restart { service: named("redis") });
    let one = One::of(&restart);
    let intent = world.intend(&one).await;
    // Nothing was sent, so the recorded container runs on: neither an answer nor a person's word makes it a new one.
    let id = intent.before["deployment"].clone().unwrap();
    for outcome in [vec![Fact::text("deployment", id)], Vec::new()] {
        let going = world.drivers.follow_order(&one.order(), &intent, &outcome).await.unwrap();
        assert!(matches!(going, Follow::Going { .. }), "{going:?}");
    }
    world.send(&one, &intent).await;
    world.follow(&one, &intent, &[]).await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_to_a_restart_is_settled_by_the_containers() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let restart = effect("restart", Kind::Restart { service: named("redis") });
    let one = One::of(&restart);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    world.lab.inject(Fault::DropReply { mutation: Some("deploymentRestart".to_owned()), nth: 1 });
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    world.lab.mend();
    let Fate::Happened(facts) = world.settle(&one, &intent).await else { panic!() };
    world.follow(&one, &intent, &facts).await.unwrap();
    assert_eq!(world.count("deploymentRestart"), 1);
}

#[tokio::test]
async fn the_same_image_again_is_the_one_that_ran_before_or_fails() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let again = Kind::Deploy { service: named("redis"), source: DeploySource::SameImage };
    let again = effect("again", again);
    let one = One::of(&again);
    let mut intent = world.intend(&one).await;
    let runs = intent.before["running"].clone().unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    intent.before.insert("running".to_owned(), Some(other.clone()));
    let Sent::Refused(failure) = world.send(&one, &intent).await else { panic!() };
    assert!(failure.to_string().contains("runs digest `"), "{failure}");
    intent.before.insert("running".to_owned(), None);
    intent.before.insert("commit".to_owned(), None);
    let Sent::Refused(failure) = world.send(&one, &intent).await else { panic!() };
    assert_eq!(failure.problem().code, "railway:untold");
    assert_eq!(world.count("deploymentRedeploy"), 0);

    // Somebody else's image that comes in between is noticed by what really runs, not by Railway's word of success.
    intent.before.insert("running".to_owned(), Some(runs.clone()));
    let Sent::Done(given) = world.send(&one, &intent).await else { panic!() };
    let mut approved = intent.clone();
    approved.before.insert("running".to_owned(), Some(other));
    let why = world.follow(&one, &approved, &given).await.unwrap_err();
    assert!(why.contains(&format!("runs digest `{runs}` instead of digest `")), "{why}");
    let facts = world.follow(&one, &intent, &given).await.unwrap();
    assert_eq!(text_of(&facts, "digest"), Some(runs.as_str()));
    let fate = world.settle(&one, &approved).await;
    assert!(matches!(fate, Fate::CannotTell(_)), "{fate:?}");
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

    let stop = effect("stop", Kind::Stop { service: named("redis") });
    let one = One::of(&stop);
    let intent = world.intend(&one).await;
    let going = world.drivers.follow_order(&one.order(), &intent, &[]).await.unwrap();
    assert!(matches!(going, Follow::Going { .. }), "{going:?}");
    world.send(&one, &intent).await;
    world.follow(&one, &intent, &[]).await.unwrap();
}
