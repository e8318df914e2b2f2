//! What the proxy must still offer, and what a row of spend proves.

use lockstep_sdk::testing::{Given, done, failed, pending};
use lockstep_sdk::{DeploymentStatus, Fact, Failure, Observation, Progress};

use super::checks::switched;
use super::given::kept;
use super::stack::Stack;
use crate::message::TEXT;
use crate::names::ASKED_AFTER;

/// What the smoke test is given: what the proxy offered before, and whether spend was written then.
fn given() -> Given {
    let mut stack = Stack::healthy();
    stack.answered_before();
    kept(&Stack::healthy()).after(&stack, "before")
}

fn answering(offered: &[&str], told: Option<&str>) -> Stack {
    let mut stack = switched();
    stack.answered(ASKED_AFTER, offered, told);
    stack.databases.spent.push("chatcmpl-answer-after");
    stack
}

#[test]
fn what_is_offered_before_is_recorded() {
    let given = given();
    let offered = given.facts.iter().find(|fact| fact.name == "offered").unwrap();
    assert_eq!(offered.rows, [["claude".into()], ["gpt-4o".into()]]);
    assert!(given.facts.contains(&Fact::one("spend-was-written", true)));
}

#[test]
fn a_proxy_that_answers_wrongly_before_stops_the_run_while_nothing_has_changed() {
    let mut stack = Stack::healthy();
    stack.answered_before();
    stack.facts_of("answer-before")[0] = Fact::one(TEXT, "another");
    let kept = kept(&Stack::healthy());
    failed(
        &kept.check(&stack, "before"),
        "before anything was changed: a mock answer was `another`",
    );
    stack.facts_of("models-before").clear();
    failed(&kept.check(&stack, "before"), "before anything was changed");
}

#[test]
fn spend_that_was_not_written_before_is_not_demanded_afterwards() {
    let mut stack = Stack::healthy();
    stack.answered_before();
    stack.databases.spent.clear();
    let kept = kept(&Stack::healthy());
    pending(&kept.check(&stack, "before"), "spend");
    let given = kept.after(&stack, "before");
    let mut after = answering(&["claude", "gpt-4o"], Some("1.84.0"));
    after.databases.spent.clear();
    done(&given.check(&after, "smoke"));
}

#[test]
fn nobody_is_asked_while_the_old_version_may_answer() {
    let given = given();
    let mut stack = switched();
    assert!(matches!(given.observe(&stack, "smoke"), Observation::Ready(_)));
    let new = stack.made["switch-deploy"].clone();
    stack.deployments.get_mut("litellm").unwrap().insert(0, new);
    for step in ["smoke", "back-smoke"] {
        let Observation::Wait(pending) = given.observe(&stack, step) else { panic!() };
        assert!(pending.note.contains("2 deployments of `litellm`"), "{}", pending.note);
        assert!(matches!(given.observed(&stack, step), Observation::Ready(_)), "not for ever");
    }
    stack.deployments.get_mut("litellm").unwrap()[1].status = DeploymentStatus::Removed;
    assert!(matches!(given.observe(&stack, "smoke"), Observation::Ready(_)));
}

#[test]
fn everything_that_was_there_before_must_be_there() {
    let given = given();
    let progress = given.check(&answering(&["claude", "gpt-4o", "new"], Some("1.84.0")), "smoke");
    assert!(done(&progress).contains(&Fact::table("new-models", [vec!["new".into()]])));
    failed(&given.check(&answering(&["gpt-4o"], Some("1.84.0")), "smoke"), "does not offer claude");
    failed(&given.check(&answering(&[], Some("1.84.0")), "smoke"), "claude; gpt-4o");
    failed(
        &given.check(&answering(&["claude", "gpt-4o"], Some("1.83.0")), "smoke"),
        "1.83.0, and should be 1.84.0",
    );
    let mut wrong = answering(&["claude", "gpt-4o"], Some("1.84.0"));
    wrong.facts_of("answer-after")[0] = Fact::one(TEXT, "hello\u{1b}[2J");
    failed(&given.check(&wrong, "smoke"), "`hello [2J`");
    let mut unlike = answering(&["claude"], None);
    unlike.gave("models-after", vec![Fact::one("models", "no list")]);
    failed(&given.check(&unlike, "smoke"), "not of its form");
}

#[test]
fn a_call_whose_spend_is_not_written_fails_after_a_while() {
    let given = given();
    let mut stack = answering(&["claude", "gpt-4o"], Some("1.84.0"));
    stack.databases.spent.retain(|request| *request != "chatcmpl-answer-after");
    pending(&given.check(&stack, "smoke"), "waiting for the row");
    failed(&given.checked(&stack, "smoke"), "no row of its spend");
}

#[test]
fn a_statement_that_misses_something_is_found_in_the_log() {
    let given = given();
    let mut stack = answering(&["claude", "gpt-4o"], Some("1.84.0"));
    stack.wrote(&["ERROR: column \"budget_fallbacks\" does not exist"]);
    failed(&given.check(&stack, "smoke"), "budget_fallbacks");
    stack.wrote(&["The model `gpt-5` does not exist"]);
    done(&given.check(&stack, "smoke"));
}

#[test]
fn a_proxy_that_loses_its_database_is_waited_for() {
    let given = given();
    let mut stack = answering(&["claude", "gpt-4o"], Some("1.84.0"));
    stack.proxy.db = "disconnected";
    pending(&given.check(&stack, "smoke"), "`disconnected`");
    pending(&given.check(&stack, "soak"), "`disconnected`");
    stack.proxy.down = Some(Failure::transiently("http:connection", "refused"));
    pending(&given.check(&stack, "soak"), "waiting for the proxy");
    stack.proxy.down = Some(Failure::transiently("ssh:tunnel", "closed"));
    let call = given.call("soak");
    assert!(crate::check::check(&stack, &call, &[]).is_err(), "a closed way is not knowing");
}

#[test]
fn without_a_model_nothing_of_one_is_demanded() {
    let mut bare = Stack::healthy();
    bare.databases.models.clear();
    let given = kept(&bare);
    let mut stack = bare.clone();
    stack.listed("models-before", &["claude"]);
    let given = given.after(&stack, "before");
    let mut after = switched();
    after.listed("models-after", &["claude"]);
    let progress = given.check(&after, "smoke");
    assert!(matches!(progress, Progress::Done(_)), "{progress:?}");
}

#[test]
fn on_the_way_back_the_former_version_offers_again_what_it_did() {
    let back = |offered: &[&str]| {
        let mut stack = Stack::healthy();
        stack.listed("back-models", offered);
        stack
    };
    done(&given().check(&back(&["claude", "gpt-4o"]), "back-smoke"));
    failed(
        &given().check(&back(&["claude"]), "back-smoke"),
        "the former version does not offer gpt-4o",
    );
    // Before it was ever asked nothing can be compared.
    let kept = kept(&Stack::healthy());
    done(&kept.check(&Stack::healthy(), "back-smoke"));
    let mut down = Stack::healthy();
    down.proxy.db = "disconnected";
    pending(&kept.check(&down, "back-smoke"), "`disconnected`");
}
