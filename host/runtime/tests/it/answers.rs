//! What passes between a plugin and the engine, and what is refused on the way.

use lockstep_engine::model::{
    Answer, Call, Effect, Fact, Failure, Keyspace, Kind, Observation, Progress, Read, Reading,
    Response, Rows, Service, ServiceRef, Value, Verdict,
};
use lockstep_engine::run::{Guest as _, GuestError, TrapKind};

use crate::desk::{Desk, Script, call, half_done, target, trap};

#[track_caller]
fn refused((kind, message): (TrapKind, String), words: &str) {
    assert_eq!(kind, TrapKind::Answer, "{message}");
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn reads_pass_both_ways() {
    let mut plugin = Desk::new().plugin();
    let mut host = Script::new(|call| {
        Answer::Read(Ok(match call {
            Call::Read(Read::Services) => Reading::Services(vec![Service {
                name: "redis".to_owned(),
                image: Some("redis:8".to_owned()),
                repository: None,
                volume: None,
                settings: Vec::new(),
                extra: Vec::new(),
            }]),
            Call::Read(Read::Http(_, request)) => Reading::Http(Response {
                status: 204,
                headers: Vec::new(),
                body: request.path.clone().into_bytes(),
            }),
            Call::Read(Read::Sql(_, _, parameters)) => {
                Reading::Sql(Rows { columns: vec!["a".to_owned()], rows: vec![parameters.clone()] })
            }
            Call::Read(Read::Keyspace(..)) => Reading::Keyspace(Keyspace {
                keys: 9,
                expiring: 0,
                kinds: Vec::new(),
                content: None,
                sample: Vec::new(),
            }),
            other => panic!("{other:?}"),
        }))
    });
    let seen = plugin.observe(&call("reads", 1), &[], &mut host).await.unwrap().unwrap();
    let expected = vec![
        Fact::text("service", "redis"),
        Fact::one("status", Value::Integer(204)),
        Fact::one("rows", Value::Integer(7)),
        Fact::one("keys", Value::Integer(9)),
    ];
    assert_eq!(seen, Observation::Ready(expected));
    assert_eq!(host.asked.len(), 4);
}

#[tokio::test]
async fn what_the_host_denies_reaches_the_plugin_as_denied() {
    let mut plugin = Desk::new().plugin();
    let answer = plugin.observe(&call("reads", 1), &[], &mut Script::silent()).await.unwrap();
    assert_eq!(answer, Err(Failure::denied("grant:missing", "not granted")));
    let answer = plugin.apply(&call("image", 1), &mut Script::silent()).await.unwrap();
    assert_eq!(answer, Err(Failure::denied("grant:missing", "not granted")));
}

#[tokio::test]
async fn describe_asks_for_nothing() {
    let described = Desk::new().plugin().describe().await.unwrap();
    assert_eq!(
        described.requests[0].why,
        "denied call:not-here: `describe` may not ask the host for anything"
    );
}

#[tokio::test]
async fn an_effect_is_declared_and_performed_by_its_label() {
    let mut plugin = Desk::new().plugin();
    let mut host = Script::new(|_| Answer::Declared(Ok(())));
    let draft = plugin.plan(&target("image"), &mut host).await.unwrap().unwrap();
    assert_eq!(draft.steps[0].id.as_str(), "image");
    let service = ServiceRef::Named("redis".to_owned());
    let kind = Kind::SetImage { service, image: "redis:8@sha256:00".to_owned() };
    assert_eq!(host.asked, [Call::Declare(Effect::plain("image".parse().unwrap(), kind))]);
    let mut host = Script::new(|_| Answer::Performed(Ok(vec![Fact::text("deployment", "d-1")])));
    let facts = plugin.apply(&call("image", 3), &mut host).await.unwrap().unwrap();
    assert_eq!(facts, [Fact::text("deployment", "d-1")]);
    assert!(matches!(&host.asked[..], [Call::Perform(label, arguments)]
        if label.as_str() == "image" && arguments[0].value == Value::Integer(3)));
}

#[tokio::test]
async fn a_job_is_followed_and_a_watch_answers() {
    let mut plugin = Desk::new().plugin();
    let progress =
        plugin.check(&call("job", 1), &[], &mut Script::new(half_done)).await.unwrap().unwrap();
    assert_eq!(progress, Progress::Again("copying".to_owned()));
    let sample =
        plugin.probe("health", &call("job", 1), &mut Script::silent()).await.unwrap().unwrap();
    assert_eq!((sample.verdict, sample.figure), (Verdict::Pass, Some(0.5)));
    refused(
        trap(plugin.probe("infinite", &call("job", 1), &mut Script::silent()).await),
        "not finite",
    );
}

#[tokio::test]
async fn words_that_the_engine_does_not_have_are_refused_before_the_host_hears_of_them() {
    let mut plugin = Desk::new().plugin();
    for (component, words) in [
        ("bad-label", "`No Label` is not a label"),
        ("unknown-service", "`service-ref` has no case \"by-id\""),
        ("unknown-piece", "`piece` has no case \"env\""),
        ("unknown-recipe", "`recipe` has no case \"uuid\""),
        ("unknown-source", "`deploy-source` has no case \"template\""),
        ("sql", "NaN is not finite"),
    ] {
        let mut host = Script::silent();
        let failure = plugin.plan(&target(component), &mut host).await.unwrap().unwrap_err();
        assert_eq!(failure.problem().code, "contract:unknown");
        assert!(failure.problem().message.contains(words), "{failure}");
        assert_eq!(host.asked, []);
    }
    let failure = plugin
        .observe(&call("bad-label", 1), &[], &mut Script::silent())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(failure.problem().code, "contract:unknown");
}

#[tokio::test]
async fn an_answer_that_the_contract_does_not_know_stops_the_plugin_by_name() {
    let desk = Desk::new();
    refused(desk.stopped("nan").await, "NaN is not finite");
    refused(desk.stopped("later").await, "`observation` has no case \"later\"");
    refused(desk.stopped("extra").await, "\"hint\"");
    let mut plugin = desk.plugin();
    let mut planned =
        async |component| plugin.plan(&target(component), &mut Script::silent()).await;
    refused(
        trap(planned("unknown-key").await),
        "step \"unknown-key\": `extra` of `step` holds the key \"colour\"",
    );
    refused(trap(planned("unknown-gate").await), "`gate` has no case \"moon\"");
    refused(trap(planned("bad-step").await), "`No Step` is not a step id");
    let draft = planned("section").await.unwrap().unwrap();
    assert_eq!(draft.steps[0].extra, [("section".to_owned(), "cut".to_owned())]);
}

#[tokio::test]
async fn the_reserved_failure_counts_as_permanent() {
    let answer = Desk::new().observe("reserved").await.unwrap();
    assert_eq!(answer, Err(Failure::permanent("guest:x", "x")));
}

#[tokio::test]
async fn a_host_that_answers_something_else_is_a_fault_of_the_host() {
    let mut plugin = Desk::new().plugin();
    let mut host = Script::new(|_| Answer::Logged);
    let fault = plugin.apply(&call("image", 1), &mut host).await.unwrap_err();
    assert!(matches!(fault, GuestError::Host { .. }), "{fault}");
}
