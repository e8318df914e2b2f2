//! The ledger: what the canaries beside a run show of its cost, and what it makes of a loss.

use lockstep_engine::journal::{CanaryState, Event};
use lockstep_engine::model::{
    Canary, CanaryTally, Effect, Failure, Gap, Gate, Millis, Moment, Numbers, Step, Undo,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Ended, Wait};

use crate::fake::{Bench, FarSide, Fault, Shape, command, listed, step_id, undo_of};

const MINUTE: u64 = 60_000;

/// When every bench begins.
const START: u64 = 1_000_000;

/// The name of the canaries in the journal.
const BITS: &str = "bits:main";

fn minutes(minutes: u64) -> Moment {
    Moment(START + minutes * MINUTE)
}

fn between(from: u64, until: u64) -> Gap {
    Gap { from: minutes(from), until: minutes(until) }
}

fn one() -> [Effect; 1] {
    [command("one", "INCR", "one")]
}

/// A run of one step, which is watched for an hour, with canaries beside it.
fn counted(canaries: &[Canary], change: impl Fn(Step) -> Step) -> Shape {
    let back = [command("one-back", "RESET", "one")];
    let undo = Undo::Steps(vec![step_id("back")]);
    let soak = Some(Millis::seconds(3600));
    let step = change(Step { undo, soak, ..listed("first", &one()) });
    let watching =
        Watching { traffic: Some(Vec::new()), canaries: canaries.to_vec(), ..Watching::default() };
    Shape { watching, ..Shape::default() }
        .step(step, &one())
        .undo(undo_of("back", &back, &["one"]), &back)
}

fn bits() -> [Canary; 1] {
    [Canary::Bits("main".to_owned())]
}

fn bench() -> Bench {
    Bench::new(&counted(&bits(), |step| step), FarSide::with(&[]))
}

fn found(bench: &Bench) -> CanaryState {
    bench.journal.state().canaries.get(BITS).cloned().unwrap_or_default()
}

#[test]
fn the_place_of_the_canaries_is_made_first_and_removed_last() {
    let mut bench = bench();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["make-canaries-0", "one", "remove-canaries-0"]);
    let found = found(&bench);
    assert!(found.acknowledged.count() >= 3599, "one a second for an hour: {found:?}");
    assert_eq!((found.refused, found.gaps, found.missing.count()), (0, 0, 0));
    assert!(!bench.world.canaries.any());
}

#[test]
fn what_only_answers_needs_no_place() {
    let answers = Canary::Answers { endpoint: "web".to_owned(), path: "/ready".to_owned() };
    let plan = counted(&[answers], |step| step).freeze(&FarSide::with(&[])).unwrap();
    assert_eq!(plan.authority.steps.len(), 1);
    let mut bench = Bench::of(plan, FarSide::with(&[]));
    assert_eq!(bench.run_on(), Ended::Done);
    let state = bench.journal.state();
    assert!(state.canaries["answers:web"].acknowledged.count() >= 719, "one each five seconds");
}

#[test]
fn a_plan_without_steps_has_no_canaries_and_a_plugin_can_not_take_their_names() {
    let nothing = Shape { watching: counted(&bits(), |step| step).watching, ..Shape::default() };
    assert!(nothing.freeze(&FarSide::with(&[])).unwrap().authority.steps.is_empty());
    for name in ["begin-canaries", "end-canaries"] {
        let shape = counted(&bits(), |step| Step { id: step_id(name), ..step });
        let problem = shape.freeze(&FarSide::with(&[])).unwrap_err().to_string();
        assert!(
            problem.contains(&format!("step id `{name}` is one that lockstep needs")),
            "{problem}"
        );
    }
}

#[test]
fn an_outage_is_measured_and_is_no_reason_to_go_back() {
    let mut bench = bench();
    bench.world.canaries.silent.set(Some(between(10, 12)));
    assert_eq!(bench.run_on(), Ended::Done);
    let found = found(&bench);
    assert_eq!((found.refused, found.gaps), (120, 1));
    assert_eq!(found.longest, Some(between(10, 12)));
    assert_eq!(found.silent, Millis(2 * MINUTE));
}

#[test]
fn an_acknowledged_write_that_is_gone_takes_the_run_back_at_once() {
    let mut bench = bench();
    let lost: Numbers = (30..33).collect();
    bench.world.canaries.lost.replace(Some((between(5, 16), lost.clone())));
    let Ended::RolledBack(why) = bench.run_on() else { panic!("it went on") };
    assert!(why.contains("watch `canary:bits:main`: 3 of "), "{why}");
    assert!(why.contains("acknowledged writes are gone: number 30, 31, 32"), "{why}");
    let missed = |event: &Event| matches!(event, Event::Missed { numbers, .. } if *numbers == lost);
    assert!(bench.journal.events().iter().any(missed));
    assert_eq!(found(&bench).missing, lost, "the way back ends all the same, and says so");
    assert_eq!(bench.world.log().last().unwrap(), "undo-canaries-0");
}

#[test]
fn what_is_gone_for_good_is_asked_about_once_and_counted_from_then_on() {
    let lossy = |step| Step { loss: Some("writes since the switch".to_owned()), ..step };
    let mut bench = Bench::new(&counted(&bits(), lossy), FarSide::with(&[]));
    let lost: Numbers = (1..=5).collect();
    bench.world.canaries.lost.replace(Some((between(1, 600), lost.clone())));
    let ended = bench.run_on();
    let Ended::Stuck(question) = ended else { panic!("{ended:?}") };
    assert!(question.contains("acknowledged writes are gone"), "{question}");
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(found(&bench).missing, lost, "it is told all the same");
}

#[test]
fn what_the_way_back_loses_is_told_and_counted_and_ends_it_no_less() {
    for lost_from in [0, 2] {
        let mut bench = bench();
        bench.options.detach = true;
        assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Soak { .. })));
        bench.clock.pass(Millis(MINUTE));
        bench.world.canaries.lost.replace(Some((between(lost_from, 600), (1..=5).collect())));
        bench.write(Event::TurnedBack { why: "queues grow".to_owned() });
        bench.clock.pass(Millis(MINUTE));
        let ended = bench.run_on();
        assert!(matches!(ended, Ended::RolledBack(_)), "{ended:?}");
        assert!(!bench.world.canaries.any());
    }
}

#[test]
fn the_last_look_is_at_what_is_not_written_any_more() {
    let mut bench = bench();
    assert_eq!(bench.run_on(), Ended::Done);
    let found = found(&bench);
    assert_eq!(found.looked_for, found.acknowledged.count());
}

#[test]
fn not_being_able_to_look_is_neither_there_nor_gone() {
    let mut bench = bench();
    let failure = Failure::transient("redis:connection", "nobody answers");
    bench.world.canaries.unreadable.replace(Some(failure));
    let ended = bench.run_on();
    let Ended::Stuck(question) = ended else { panic!("{ended:?}") };
    assert!(question.contains("nobody answers"), "{question}");
    let turned = bench.journal.at(|event| matches!(event, Event::TurnedBack { .. }));
    assert!(turned >= minutes(10), "not before ten minutes without knowing (L10)");
}

#[test]
fn who_takes_the_run_up_goes_on_counting() {
    let mut bench = bench();
    bench.options.detach = true;
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Soak { .. })));
    let before = found(&bench).acknowledged;
    bench.clock.pass(Millis(90 * MINUTE));
    assert_eq!(bench.run_on(), Ended::Done);
    let after = found(&bench).acknowledged;
    assert!(after.iter().max() > before.iter().max());
    assert!(before.iter().all(|number| after.iter().any(|it| it == number)));
}

#[test]
fn where_their_place_can_not_be_made_nothing_is_changed() {
    let mut bench = bench();
    bench.world.fault("make-canaries-0", Fault::Refused(Failure::permanent("redis:noauth", "no")));
    let ended = bench.run_on();
    assert!(matches!(ended, Ended::RolledBack(_)), "{ended:?}");
    assert!(bench.world.log().is_empty());
}

#[test]
fn the_plugins_first_step_waits_for_a_window_and_the_hosts_last_one_does_not() {
    let mut bench = Bench::new(
        &counted(&bits(), |step| Step { gates: vec![Gate::Approval("sure?".to_owned())], ..step }),
        FarSide::with(&[]),
    );
    bench.options.gates_approved_by = None;
    bench.control.window.set(Some((Moment(0), minutes(40))));
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Gate { .. })));
    let (step, gate, by) = (step_id("first"), 0, "ada".to_owned());
    bench.write(Event::GateOpened { step, gate, by });
    bench.clock.pass(Millis(41 * MINUTE));
    let ended = bench.run_on();
    assert!(
        matches!(&ended, Ended::Waiting(Wait::Window { step, .. }) if *step == step_id("first")),
        "{ended:?}"
    );
    // Long enough for the step, and over when its soak of an hour is.
    bench.control.window.set(Some((minutes(41), minutes(90))));
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn the_host_begins_nothing_in_a_window_that_is_too_short_for_the_plugin() {
    let mut bench = bench();
    bench.control.window.set(Some((Moment(0), minutes(2))));
    let ended = bench.run_on();
    assert!(matches!(ended, Ended::Waiting(Wait::Window { .. })), "{ended:?}");
    assert!(bench.world.log().is_empty());
}

#[test]
fn a_loss_that_nobody_was_asked_about_is_not_accepted_by_going_on() {
    let mut bench = bench();
    bench.options.detach = true;
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Soak { .. })));
    let (canary, lost): (_, Numbers) = (BITS.to_owned(), (1..=5).collect());
    let tally = CanaryTally { acknowledged: lost.clone(), ..CanaryTally::default() };
    bench.write(Event::Tallied { canary: canary.clone(), tally });
    bench.write(Event::Missed { canary, looked_for: 5, numbers: lost.clone() });
    let why = "somebody else deployed".to_owned();
    bench.write(Event::Moved { step: step_id("first"), why });
    bench.answer_the_question();
    bench.world.canaries.lost.replace(Some((between(0, 600), lost)));
    let Ended::RolledBack(why) = bench.run_on() else { panic!("it went on") };
    assert!(why.contains("5 of "), "{why}");
}
