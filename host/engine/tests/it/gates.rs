//! What a run waits for: gates, decisions, the step asked for, and people.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{
    ACCEPTED, Drive, Effect, Fact, Gate, Observation, Step, StepCall, Undo,
};
use lockstep_engine::run::{Ended, RunError, Wait, Wish};

use crate::fake::{Act, Bench, FarSide, Shape, command, listed, step_id, undo_of};

fn one() -> [Effect; 1] {
    [command("one", "INCR", "one")]
}

fn two() -> [Effect; 1] {
    [command("two", "INCR", "two")]
}

fn gated() -> Bench {
    let gates = vec![
        Gate::Approval("sure?".to_owned()),
        Gate::Window,
        Gate::Approval("really?".to_owned()),
    ];
    let back = [command("one-back", "RESET", "one")];
    let first = Step { undo: Undo::Steps(vec![step_id("back")]), ..listed("first", &one()) };
    let shape = Shape::default()
        .step(first, &one())
        .step(Step { gates, ..listed("second", &two()) }, &two())
        .undo(undo_of("back", &back, &["one"]), &back);
    let mut bench = Bench::new(&shape, FarSide::default());
    bench.options.gates_approved_by = None;
    bench
}

fn at_gate(words: &str) -> Ended {
    Ended::Waiting(Wait::Gate { step: step_id("second"), waits_for: words.to_owned() })
}

fn open(bench: &Bench, gate: u32) {
    bench.write(Event::GateOpened { step: step_id("second"), gate, by: "ada".to_owned() });
}

#[test]
fn nothing_passes_a_gate_without_a_record() {
    let mut bench = gated();
    assert_eq!(bench.run_on(), at_gate("sure?"));
    assert_eq!(bench.run_on(), at_gate("sure?"));
    let reached = |event: &Event| matches!(event, Event::GateReached { .. });
    assert_eq!(bench.journal.events().into_iter().filter(reached).count(), 1, "asked once");
    assert_eq!(bench.guest.count("observe", "second"), 0);
    open(&bench, 0);
    assert_eq!(bench.run_on(), at_gate("really?"));
    assert_eq!(bench.world.log(), ["one"]);
    open(&bench, 2);
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
}

#[test]
fn gates_approved_in_advance_open_with_the_name_of_who_approved() {
    let mut bench = gated();
    bench.options.gates_approved_by = Some("grace".to_owned());
    assert_eq!(bench.run_on(), Ended::Done);
    let opened = Event::GateOpened { step: step_id("second"), gate: 0, by: "grace".to_owned() };
    assert!(bench.journal.events().contains(&opened));
}

#[test]
fn a_run_at_a_gate_can_be_rolled_back() {
    let mut bench = gated();
    assert_eq!(bench.run_on(), at_gate("sure?"));
    bench.control.wants(Some(Wish::RollBack("changed my mind".to_owned())));
    assert_eq!(bench.run_on(), Ended::RolledBack("changed my mind".to_owned()));
    assert_eq!(bench.world.log(), ["one", "one-back"]);
    assert_eq!(bench.world.far.borrow().counters.len(), 0);
}

#[test]
fn a_step_whose_ground_moved_waits_for_a_decision() {
    for decision in [Some("back"), None] {
        let mut bench = gated();
        bench.options.gates_approved_by = Some("ada".to_owned());
        let moved = Observation::Moved("a table appeared".to_owned());
        bench.guest.part("second").observe.push_back(Ok(Ok(moved)));
        let waits = Ended::Waiting(Wait::Moved("a table appeared".to_owned()));
        assert_eq!(bench.run_on(), waits);
        assert_eq!(bench.run_on(), waits);
        if let Some(why) = decision {
            bench.control.wants(Some(Wish::RollBack(why.to_owned())));
            assert_eq!(bench.run_on(), Ended::RolledBack(why.to_owned()));
        } else {
            bench.answer_the_question();
            assert_eq!(bench.run_on(), Ended::Done);
        }
    }
}

#[test]
fn a_run_stops_after_the_step_that_was_asked_for_however_often_it_is_resumed() {
    let mut bench = gated();
    bench.options.until = Some(step_id("first"));
    let until = Ended::Waiting(Wait::Until(step_id("first")));
    assert_eq!(bench.run_on(), until);
    assert_eq!(bench.run_on(), until);
    assert_eq!(bench.world.log(), ["one"]);
    bench.options.until = None;
    bench.options.gates_approved_by = Some("ada".to_owned());
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn a_pause_stops_between_effects_and_leaves_the_run_resumable() {
    let effects = [one(), two()].concat();
    for drive in [Drive::Listed, Drive::Guided] {
        let mut asks = 0;
        loop {
            let step = Step { drive, ..listed("count", &effects) };
            let shape = Shape::default().step(step, &effects);
            let mut bench = Bench::new(&shape, FarSide::default());
            bench.guest.part("count").acts =
                vec![Act::Perform("one", Vec::new()), Act::Perform("two", Vec::new())];
            bench.control.wants_after(asks, Some(Wish::Pause));
            let ended = bench.run_on();
            if ended == Ended::Done {
                break;
            }
            assert_eq!(ended, Ended::Waiting(Wait::Paused));
            bench.control.wants(None);
            assert_eq!(bench.run_on(), Ended::Done);
            assert_eq!(bench.world.log(), ["one", "two"], "{drive:?} paused at ask {asks}");
            asks += 1;
        }
        assert!(asks >= 3, "heard before each effect");
    }
}

#[test]
fn a_run_that_nobody_approved_and_a_plan_that_is_not_the_approved_one_do_not_run() {
    let mut bench = gated();
    bench.plan.authority.component = "postgres".to_owned();
    assert!(matches!(bench.run(), Err(RunError::OtherPlan { .. })));
    assert!(bench.world.sent.borrow().is_empty());

    let mut bench = gated();
    let digest = bench.plan.authority.digest().unwrap();
    bench.journal.forget();
    bench.write(Event::Planned { plan: digest });
    assert!(matches!(bench.run(), Err(RunError::NotApproved)));
}

#[test]
fn a_journal_with_a_changed_record_is_not_run_on() {
    let mut bench = gated();
    assert_eq!(bench.run_on(), at_gate("sure?"));
    bench.journal.spoil(3);
    assert!(matches!(bench.run(), Err(RunError::Chain(_))));
}

#[test]
fn a_step_that_found_something_moved_is_told_when_somebody_goes_on_all_the_same() {
    let mut bench = gated();
    bench.options.gates_approved_by = Some("ada".to_owned());
    let moved = || Ok(Ok(Observation::Moved("the slot is gone".to_owned())));
    bench.guest.part("second").observe.extend([moved(), moved()]);
    let said = |bench: &Bench| -> Vec<Option<String>> {
        let seen = bench
            .guest
            .calls
            .iter()
            .filter(|(called, call, _)| *called == "observe" && call.step.as_str() == "second");
        let accepted = |call: &StepCall| {
            let fact = call.facts.iter().find(|fact| fact.name == ACCEPTED);
            fact.and_then(Fact::as_text).map(str::to_owned)
        };
        seen.map(|(_, call, _)| accepted(call)).collect()
    };
    let waits = Ended::Waiting(Wait::Moved("the slot is gone".to_owned()));
    assert_eq!(bench.run_on(), waits);
    assert_eq!(bench.run_on(), waits, "taking the run up is no answer");
    bench.answer_the_question();
    assert_eq!(bench.run_on(), waits);
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    let word = Some("the slot is gone".to_owned());
    assert_eq!(said(&bench), [None, word.clone(), word]);
}
