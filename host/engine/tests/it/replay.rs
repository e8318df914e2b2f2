//! Guided steps: a round that was interrupted is done again by the plugin, and nothing is sent again.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Drive, Effect, Fact, Failure, Step, Undo, Value};
use lockstep_engine::run::{Ended, RunError};

use crate::fake::{
    Act, AppendFate, Bench, FarSide, Fault, Shape, command, label, listed, step_id, unavailable,
};

fn effects() -> [Effect; 3] {
    ["one", "two", "three"].map(|name| command(name, "INCR", name))
}

fn bench() -> Bench {
    let step = Step { drive: Drive::Guided, ..listed("count", &effects()) };
    let after = Step { needs: vec![step_id("count")], ..listed("after", &[]) };
    let shape = Shape::default().step(step, &effects()).step(after, &[]);
    let mut bench = Bench::new(&shape, FarSide::default());
    bench.guest.part("count").acts = perform(&["one", "two", "three"]);
    bench
}

fn perform(labels: &[&'static str]) -> Vec<Act> {
    labels.iter().map(|label| Act::Perform(label, Vec::new())).collect()
}

/// Interrupts the run right after its `appends`-th append.
#[track_caller]
fn interrupt(bench: &mut Bench, appends: usize) {
    let mut fates = vec![AppendFate::Kept; appends - 1];
    fates.push(AppendFate::KeptAndLost);
    bench.journal.fates.borrow_mut().extend(fates);
    assert!(matches!(bench.run(), Err(RunError::Journal(_))));
}

#[test]
fn a_replay_is_given_the_recorded_outcomes_and_sends_nothing_again() {
    let mut bench = bench();
    interrupt(&mut bench, 3);
    assert_eq!(bench.world.log(), ["one", "two"]);
    let before = bench.guest.answers.clone();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.sent(), ["one", "two", "three"].map(label));
    assert_eq!(bench.guest.answers[before.len()..][..2], before[..2]);
    let calls: Vec<_> =
        bench.guest.calls.iter().filter(|(called, ..)| *called == "apply").collect();
    assert_eq!(calls[0], calls[1], "the same call, to the moment");
    assert_eq!(bench.guest.count("observe", "count"), 1, "what was observed is recorded");
}

#[test]
fn a_replay_that_diverges_stops_and_sends_nothing() {
    let mut bench = bench();
    interrupt(&mut bench, 3);
    bench.guest.part("count").acts = perform(&["one", "three"]);
    assert!(matches!(bench.run_on(), Ended::Stuck(question) if question.contains("diverged")));
    assert_eq!(bench.world.log(), ["one", "two"]);
    bench.guest.part("count").acts = perform(&["one", "two", "three"]);
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two", "three"]);
}

#[test]
fn a_refusal_that_the_plugin_ignored_is_replayed_as_it_was() {
    let mut bench = bench();
    bench.guest.part("count").acts =
        vec![Act::Try("ghost"), Act::Try("one"), Act::Try("two"), Act::Try("three")];
    bench.world.fault("one", Fault::Refused(Failure::permanent("x:no", "no")));
    interrupt(&mut bench, 3);
    let before = bench.guest.answers.clone();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["two", "three"]);
    assert_eq!(bench.sent(), ["one", "two", "three"].map(label));
    assert_eq!(bench.guest.answers[before.len()..][..3], before[..3]);
}

#[test]
fn what_could_not_be_read_before_an_effect_is_not_for_the_plugin_to_ignore() {
    let mut bench = bench();
    bench.guest.part("count").acts = vec![Act::Try("one"), Act::Try("two")];
    bench.world.unreadable.borrow_mut().push_back(Failure::permanent("x:no", "no"));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert!(bench.sent().is_empty(), "a replay could not have told the plugin the same");
}

#[test]
fn a_host_that_could_not_run_the_plugin_tries_once_more_from_the_records() {
    let mut bench = bench();
    let mut acts = perform(&["one", "two"]);
    acts.insert(1, Act::StopOnce(unavailable("apply")));
    bench.guest.part("count").acts = acts;
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.sent(), ["one", "two"].map(label));

    let mut bench = self::bench();
    bench.guest.part("count").acts = vec![Act::Stop(unavailable("apply"))];
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("plugin:stopped")));
    assert_eq!(bench.guest.count("apply", "count"), 2);
}

#[test]
fn what_apply_leaves_reaches_its_check_and_the_steps_that_need_it() {
    let mut bench = bench();
    bench.guest.part("count").facts = vec![Fact::text("seen", "s")];
    bench.guest.part("count").left = vec![Fact::text("left", "l")];
    bench.guest.part("count").found = vec![Fact::text("found", "f")];
    assert_eq!(bench.run_on(), Ended::Done);
    let given = |function: &str, step: &str| -> Vec<String> {
        let (_, call, _) = bench
            .guest
            .calls
            .iter()
            .find(|(called, call, _)| *called == function && call.step.as_str() == step)
            .unwrap();
        call.facts.iter().map(|fact| fact.name.clone()).collect()
    };
    assert_eq!(given("apply", "count"), ["seen"]);
    assert_eq!(given("check", "count"), ["seen", "left"]);
    assert_eq!(given("observe", "after"), ["seen", "left", "found"]);
}

#[test]
fn more_facts_than_the_journal_keeps_fail_the_step() {
    let mut bench = bench();
    let large = Fact::one("large", Value::Text("x".repeat(70_000)));
    bench.guest.part("count").facts = vec![large];
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("facts:too-large")));
    assert!(bench.sent().is_empty());
}

#[test]
fn a_person_who_resumes_a_failed_step_has_it_tried_again() {
    let step = Step {
        drive: Drive::Guided,
        undo: Undo::Impossible("rows are rewritten".to_owned()),
        ..listed("count", &effects())
    };
    for drive in [Drive::Guided, Drive::Listed] {
        let step = Step { drive, ..step.clone() };
        let mut bench = Bench::new(&Shape::default().step(step, &effects()), FarSide::default());
        bench.guest.part("count").acts = perform(&["one", "two", "three"]);
        bench.world.fault("two", Fault::Refused(Failure::permanent("x:no", "no")));
        assert!(matches!(bench.run_on(), Ended::Stuck(_)));
        bench.answer_the_question();
        assert_eq!(bench.run_on(), Ended::Done);
        assert_eq!(bench.sent(), ["one", "two", "two", "three"].map(label));
        assert_eq!(bench.world.log(), ["one", "two", "three"]);
        let failures = |event: &Event| matches!(event, Event::StepFailed { .. });
        assert_eq!(bench.journal.events().into_iter().filter(failures).count(), 1);
    }
}
