use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Assignment, DeploySource, Failure, Kind, Moment, Piece, Read};
use lockstep_engine::run::World as _;
use lockstep_lab::{Control, Fault, Rights, Stack};

use super::world::{One, World, effect, named, settings};
use crate::{Drivers, OpenError};

fn set(value: &str) -> Kind {
    let value = vec![Piece::Text(value.to_owned())];
    Kind::SetVariables {
        service: named("litellm"),
        assignments: vec![Assignment { name: "A".to_owned(), value }],
    }
}

#[tokio::test]
async fn a_wrong_token_is_not_taken_for_something_missing() {
    let world = World::up(Stack::Redis6, &[]).await;
    let mut wrong = settings(&world.lab);
    wrong.token = "00000000-0000-0000-0000-000000000000".into();
    let Err(OpenError::Secrets(failure)) = Drivers::open(wrong).await else { panic!() };
    assert_eq!(failure.problem().code, "railway:not-authorized");
    assert!(!failure.to_string().contains("not found"), "{failure}");
    assert!(!failure.to_string().contains("00000000-0000"), "{failure}");
}

#[tokio::test]
async fn a_token_that_may_only_read_changes_nothing() {
    let world = World::up(Stack::Redis6, &[]).await;
    let token = world.lab.new_token(Rights::ReadOnly);
    let drivers = world.open(|settings| settings.token = token.into()).await;
    assert!(drivers.read(&Read::Services).await.is_ok());
    let set = effect("set", set("1"));
    let one = One::of(&set);
    let intent = world.intend(&one).await;
    let Sent::Refused(failure) = drivers.perform(&one.order(), &intent).await else { panic!() };
    assert_eq!(failure.problem().code, "railway:not-authorized");
    assert!(world.lab.mutations().is_empty());
}

#[tokio::test]
async fn a_read_waits_as_long_as_railway_asks_and_an_effect_is_refused_at_once() {
    let world = World::up(Stack::Redis6, &[]).await;
    world.lab.inject(Fault::TooManyRequests { times: Some(1), retry_after: 1 });
    assert!(world.read(Read::Services).await.is_ok());
    world.lab.mend();
    let set = effect("set", set("1"));
    let one = One::of(&set);
    let intent = world.intend(&one).await;
    world.lab.inject(Fault::TooManyRequests { times: None, retry_after: 3600 });
    let Sent::Refused(Failure::Transient(problem)) = world.send(&one, &intent).await else {
        panic!()
    };
    assert_eq!(problem.code, "railway:rate-limited");
    assert!(problem.extra.contains(&("retry-after".to_owned(), "3600".to_owned())), "{problem:?}");
    assert!(world.lab.mutations().is_empty());
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_then_settled_as_happened_once() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let set = effect("set", set("1"));
    let one = One::of(&set);
    let intent = world.intend(&one).await;
    world
        .lab
        .inject(Fault::DropReply { mutation: Some("variableCollectionUpsert".to_owned()), nth: 1 });
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    world.lab.mend();

    let deploy = effect(
        "deploy",
        Kind::Deploy { service: named("redis"), source: DeploySource::Configured },
    );
    let one = One::of(&deploy);
    let intent = world.intend(&one).await;
    world
        .lab
        .inject(Fault::DropReply { mutation: Some("serviceInstanceDeployV2".to_owned()), nth: 1 });
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    let Fate::Happened(facts) = world.settle(&one, &intent).await else { panic!() };
    world.follow(&one, &intent, &facts).await.unwrap();
    assert_eq!(world.count("serviceInstanceDeployV2"), 1);
}

#[tokio::test]
async fn a_gateway_timeout_is_unknown_and_then_settled_as_not_happened() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    for kind in
        [set("1"), Kind::Deploy { service: named("redis"), source: DeploySource::Configured }]
    {
        let effect = effect("one", kind);
        let one = One::of(&effect);
        let intent = world.intend(&one).await;
        // The look that precedes a mutation must not be the request that is lost.
        let railway = world.drivers.stand(&one.order()).await;
        assert!(railway.is_ok());
        world.lab.inject(Fault::GatewayTimeout { times: None });
        let sent = world.send(&one, &intent).await;
        world.lab.mend();
        assert!(
            matches!(
                sent,
                Sent::Refused(Failure::Transient(_)) | Sent::Unknown(Failure::Transient(_))
            ),
            "{sent:?}"
        );
        assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    }
    assert!(world.lab.mutations().is_empty());
}

#[tokio::test]
async fn a_value_that_lands_after_the_answer_was_lost_is_waited_for() {
    let world = World::up(Stack::Redis6, &[]).await;
    let set = effect("set", set("1"));
    let one = One::of(&set);
    let intent = world.intend(&one).await;
    assert_eq!(world.drivers.find_out(&one.order(), &intent).await.unwrap(), Fate::StillGoing);
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)));
    let fate = world.drivers.find_out(&one.order(), &intent).await.unwrap();
    assert_eq!(fate, Fate::Happened(Vec::new()));
}

#[tokio::test]
async fn the_quiet_time_is_counted_from_the_last_moment_at_which_anything_may_be_sent() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let service = || named("redis");
    let settings = vec![("healthcheck-path".to_owned(), "/x".to_owned())];
    for kind in [
        Kind::SetImage { service: service(), image: "redis:7.0".to_owned() },
        Kind::SetSettings { service: service(), settings },
        Kind::SetMount { service: service(), mount: "/elsewhere".to_owned() },
        Kind::DeleteVariables { service: service(), names: vec!["REDIS_PORT".to_owned()] },
        Kind::Deploy { service: service(), source: DeploySource::Configured },
        Kind::BackupVolume { service: service() },
        Kind::Stop { service: service() },
        Kind::DeleteVolume { service: service() },
    ] {
        let function = kind.function();
        let effect = effect("one", kind);
        let one = One::of(&effect);
        let mut intent = world.intend(&one).await;
        intent.begun = Moment(1);
        let fate = world.drivers.find_out(&one.order(), &intent).await.unwrap();
        assert_eq!(fate, Fate::StillGoing, "{function}");
    }
    assert!(world.lab.mutations().is_empty());
}

#[tokio::test]
async fn somebody_elses_value_or_deployment_is_a_question() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let first = effect("first", set("1"));
    let one = One::of(&first);
    let intent = world.intend(&one).await;
    world.done("theirs", set("2")).await;
    let Fate::CannotTell(question) = world.settle(&one, &intent).await else { panic!() };
    assert!(question.contains("`A` of service `litellm`"), "{question}");

    let deploy = effect(
        "deploy",
        Kind::Deploy { service: named("redis"), source: DeploySource::Configured },
    );
    let one = One::of(&deploy);
    let intent = world.intend(&one).await;
    for _ in 0..2 {
        world.lab.control(Control::DeployService { service: "redis".to_owned() }).unwrap();
    }
    let Fate::CannotTell(question) = world.settle(&one, &intent).await else { panic!() };
    assert!(question.contains("2 new deployments"), "{question}");
}

#[tokio::test]
async fn an_effect_whose_time_has_passed_is_not_sent() {
    let world = World::up(Stack::Redis6, &[]).await;
    let set = effect("set", set("1"));
    let one = One::of(&set);
    let mut intent = world.intend(&one).await;
    intent.not_after = Moment(1);
    let Sent::Refused(Failure::Transient(problem)) = world.send(&one, &intent).await else {
        panic!()
    };
    assert_eq!(problem.code, "effect:too-late");
    assert!(world.lab.mutations().is_empty());
}

#[tokio::test]
async fn an_api_that_is_not_there_surely_did_nothing() {
    let world = World::up(Stack::Redis6, &[]).await;
    let mut nowhere = settings(&world.lab);
    nowhere.api = "http://127.0.0.1:1/graphql/v2".parse().unwrap();
    let Err(OpenError::Secrets(Failure::Transient(problem))) = Drivers::open(nowhere).await else {
        panic!()
    };
    assert_eq!(problem.code, "railway:unreachable");
}
