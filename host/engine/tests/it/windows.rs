//! Maintenance windows: what waits for one, how much of it must be left, and what never waits.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Effect, Gate, Millis, Moment, Step, Undo};
use lockstep_engine::run::{Clock as _, Ended, Wait, Wish};

use crate::fake::{Bench, FarSide, Shape, command, listed, step_id, undo_of};

const HOUR: u64 = 3_600_000;

/// When every bench begins.
const START: u64 = 1_000_000;

fn effects(name: &str) -> [Effect; 1] {
    [command(name, "INCR", name)]
}

/// Two steps of an hour each with ways back of an hour each; the second is `changed`.
fn bench(changed: impl Fn(Step) -> Step, soak: Option<Millis>) -> Bench {
    let limit = Millis(HOUR);
    let step = |name: &str| {
        let undo = Undo::Steps(vec![step_id(&format!("{name}-undo"))]);
        Step { undo, limit, ..listed(name, &effects(name)) }
    };
    let mut shape = Shape::default()
        .step(Step { soak, ..step("first") }, &effects("first"))
        .step(changed(step("second")), &effects("second"));
    for frozen in &shape.steps.clone() {
        if matches!(frozen.undo, Undo::Steps(_)) {
            let name = frozen.id.as_str();
            let back = [command(&format!("{name}-back"), "RESET", name)];
            let undo = undo_of(&format!("{name}-undo"), &back, &[name]);
            shape = shape.undo(Step { limit, ..undo }, &back);
        }
    }
    Bench::new(&shape, FarSide::default())
}

fn window(bench: &Bench, from: u64, hours: u64) {
    let opens = Moment(START + from * HOUR);
    bench.control.window.set(Some((opens, opens.plus(Millis(hours * HOUR)))));
}

fn waits(step: &str, opens: Option<u64>, needs: u64) -> Ended {
    Ended::Waiting(Wait::Window {
        step: step_id(step),
        opens: opens.map(|hours| Moment(START + hours * HOUR)),
        needs: Millis(needs * HOUR),
    })
}

#[test]
fn nothing_begins_without_time_for_the_worst_case_and_the_way_back() {
    let mut bench = bench(|step| step, None);
    window(&bench, 0, 3);
    assert_eq!(bench.run_on(), waits("first", None, 4), "no window is ever long enough");
    window(&bench, 10, 5);
    assert_eq!(bench.run_on(), waits("first", Some(10), 4));
    assert!(bench.world.log().is_empty());
    bench.clock.pass(Millis(10 * HOUR));
    assert_eq!(bench.run_on(), Ended::Done);
    let first = Event::WindowFound {
        step: step_id("first"),
        needs: Millis(4 * HOUR),
        until: Some(Moment(START + 15 * HOUR)),
        by: None,
    };
    assert!(bench.journal.events().contains(&first));
}

#[test]
fn the_point_of_no_return_is_looked_at_again() {
    let irreversible = |step| Step { undo: Undo::Impossible("it is gone".to_owned()), ..step };
    let mut bench = bench(irreversible, None);
    window(&bench, 0, 2);
    assert_eq!(bench.run_on(), Ended::Done, "an hour there and one back, then one more and back");
    let found = |event: &Event| matches!(event, Event::WindowFound { .. });
    assert_eq!(bench.journal.events().into_iter().filter(found).count(), 2);
}

#[test]
fn what_follows_a_soak_or_a_gate_waits_for_the_next_window() {
    let gated = |step| Step { gates: vec![Gate::Window], ..step };
    for soak in [Some(Millis(24 * HOUR)), None] {
        let mut bench = if soak.is_some() { bench(|step| step, soak) } else { bench(gated, soak) };
        window(&bench, 0, 3);
        let ended = bench.run_on();
        match soak {
            Some(_) => assert_eq!(ended, waits("second", Some(0), 3)),
            None => assert_eq!(ended, Ended::Done, "still in the first"),
        }
    }
}

#[test]
fn a_stretch_that_has_begun_goes_on_and_so_does_the_way_back() {
    let mut bench = bench(|step| step, None);
    window(&bench, 0, 5);
    bench.options.until = Some(step_id("first"));
    assert_eq!(bench.run_on(), Ended::Waiting(Wait::Until(step_id("first"))));
    bench.clock.pass(Millis(100 * HOUR));
    bench.control.wants(Some(Wish::RollBack("enough".to_owned())));
    assert_eq!(bench.run_on(), Ended::RolledBack("enough".to_owned()));
    assert!(bench.clock.now() >= Moment(START + 100 * HOUR));
}

#[test]
fn a_person_may_begin_outside_and_is_named() {
    let mut bench = bench(|step| step, None);
    window(&bench, 10, 5);
    bench.options.outside_windows = Some("ada".to_owned());
    assert_eq!(bench.run_on(), Ended::Done);
    let by_ada = |event: &Event| matches!(event, Event::WindowFound { until: None, by: Some(by), .. } if by == "ada");
    assert!(bench.journal.events().iter().any(by_ada));
}

#[test]
fn who_waited_at_a_gate_until_the_window_closed_waits_for_the_next_one() {
    let gated =
        |step| Step { gates: vec![Gate::Approval("go on?".to_owned()), Gate::Window], ..step };
    let mut bench = bench(gated, None);
    window(&bench, 0, 100);
    bench.options.gates_approved_by = None;
    let ended = bench.run_on();
    assert!(matches!(ended, Ended::Waiting(Wait::Gate { .. })), "{ended:?}");
    bench.clock.pass(Millis(200 * HOUR));
    window(&bench, 300, 100);
    bench.options.gates_approved_by = Some("ada".to_owned());
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Window { .. })));
    bench.clock.pass(Millis(100 * HOUR));
    assert_eq!(bench.run_on(), Ended::Done);
}
