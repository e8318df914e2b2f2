//! Critical sections in simulated runs: random ones, and what must hold of each (L14).

use std::collections::BTreeMap;

use lockstep_engine::journal::{Event, RunState};
use lockstep_engine::model::{Drive, Kind, Millis, Undo, Way};
use lockstep_engine::run::Ended;

use super::random::Random;
use super::scenario::counting;
use crate::fake::{Bench, Lifted, Past, Shape, hold as block, listed, release, section as within};
use crate::fake::{step_id, undo_of};

/// Adds steps that block writes, do something and let them flow again.
pub(super) fn section(random: &mut Random, shape: Shape, number: u32) -> Shape {
    let longest = Millis(*random.pick(&[500, 5_000, 60_000]));
    let name = format!("cut-{number}");
    let held = format!("hold-{number}");
    let effects = [block(&held, longest)];
    let mut step = within(listed(&held, &effects), &name, Some(longest));
    if random.chance(30) {
        step.drive = Drive::Guided;
    }
    let mut shape = if random.chance(50) {
        step.undo = Undo::Restore;
        shape.step(step, &effects)
    } else {
        let back = [release(&format!("un-{held}"), &held)];
        let undo = format!("undo-of-{held}");
        step.undo = Undo::Steps(vec![step_id(&undo)]);
        shape.step(step, &effects).undo(undo_of(&undo, &back, &[&held]), &back)
    };
    for inner in 0..random.below(3) {
        let before = shape.steps.len();
        shape = counting(random, shape, number * 10 + 100 + inner);
        shape.steps[before] = within(shape.steps[before].clone(), &name, None);
    }
    let lifts = [release(&format!("release-{number}"), &held)];
    let last = within(listed(&format!("release-{number}"), &lifts), &name, None);
    shape = shape.step(last, &lifts);
    if random.chance(20) {
        let before = shape.steps.len();
        shape = counting(random, shape, number * 10 + 109);
        shape.steps[before] = within(shape.steps[before].clone(), &name, None);
    }
    shape
}

/// No process leaves a run that is in the middle of a section and could be backed out of it.
pub(super) fn nothing_waits(bench: &Bench, ended: &Ended) {
    let state = bench.journal.state();
    assert!(!is_inside(bench, &state), "{ended:?} inside a critical section (L14)");
}

pub(super) fn hold(bench: &Bench, ended: &Ended) {
    nobody_was_waited_for(bench);
    writes_never_waited_too_long(bench);
    if *ended == Ended::Done {
        every_switch_was_protected(bench);
    }
}

/// Returns whether the run is in a section that it can be backed out of.
fn is_inside(bench: &Bench, state: &RunState) -> bool {
    let authority = &bench.plan.authority;
    let decided = authority.steps.iter().any(|frozen| {
        let began = frozen.step.effects.iter().any(|label| state.began(label));
        matches!(frozen.way, Way::Impossible(_)) && began
    });
    !decided && state.section(authority).is_some()
}

/// Inside a section nobody is asked and nothing is waited for, and after its deadline nothing begins.
fn nobody_was_waited_for(bench: &Bench) {
    let mut state = RunState::default();
    for record in bench.journal.records() {
        if is_inside(bench, &state) {
            let (_, deadline) = state.section(&bench.plan.authority).unwrap();
            let event = &record.event;
            let waits = matches!(
                event,
                Event::Moved { .. }
                    | Event::Stuck { .. }
                    | Event::GateReached { .. }
                    | Event::GateOpened { .. }
                    | Event::WindowFound { .. }
            );
            assert!(!waits, "{event:?} inside a critical section (L14)");
            let goes_on = matches!(
                event,
                Event::Intended(_)
                    | Event::RoundStarted { .. }
                    | Event::Again { .. }
                    | Event::Checked { .. }
                    | Event::StepDone { .. }
            );
            let late = record.at >= deadline;
            assert!(!late || !goes_on, "{event:?} after the section's deadline (L14)");
        }
        state = state.after(&record).unwrap();
    }
}

/// The server lifts a block by the deadline of its section, whatever the engine does. Where the clock is set meanwhile, the
/// server's own time is what counts.
fn writes_never_waited_too_long(bench: &Bench) {
    let authority = &bench.plan.authority;
    let began: BTreeMap<String, u64> = bench.journal.sections.borrow().iter().cloned().collect();
    let clock_was_set = bench.journal.clock().was_set();
    for Past { label, from, to, .. } in bench.world.holds.past() {
        let section = authority.section_of_effect(&label).unwrap();
        let longest = section.max_outage.0;
        assert!(to - from <= longest, "`{label}` blocked writes for {} ms (L14)", to - from);
        let deadline = began[section.name] + longest;
        assert!(clock_was_set || to <= deadline, "`{label}` blocked beyond the deadline (L14)");
    }
}

/// A run that is done lifted each block by itself: whatever stood until then was protected.
fn every_switch_was_protected(bench: &Bench) {
    let past = bench.world.holds.past();
    for effect in bench.plan.authority.effects.values() {
        if let Kind::HoldWrites { .. } = effect.kind {
            let newest = past.iter().rev().find(|past| past.label == effect.label);
            let released = newest.is_some_and(|past| past.lifted == Lifted::Released);
            assert!(released, "`{}` did not protect until its release (L14)", effect.label);
        }
    }
}
