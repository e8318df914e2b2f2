//! What must hold after every run, whatever happened in it.
//!
//! L4, and that nothing happens twice in one place of a round, are held by the fake world at every send.

use lockstep_engine::journal::{Direction, Epoch, Event, RunState, StepStatus};
use lockstep_engine::model::{Canary, Step, Verdict, Way};
use lockstep_engine::run::Ended;

use super::scenario::KEPT;
use super::sections;
use crate::fake::{Bench, FarSide, step_id};

pub(super) fn hold(bench: &Bench, before: &FarSide, ended: &Ended) {
    every_record_was_lawful(bench);
    one_process_at_a_time(bench);
    watches_that_held_hold(bench, ended);
    probes_are_told_of_steps_that_the_plugin_knows(bench);
    sections::hold(bench, ended);
    canaries_are_at_the_side_in_force(bench, ended);
    if matches!(ended, Ended::Done | Ended::RolledBack(_)) {
        let kept = &bench.world.far.borrow().kept;
        assert!(kept.is_empty(), "former secrets outlive the run: {kept:?}");
    }
    let found = bench.world.far.borrow().seen();
    match ended {
        Ended::Done => {
            assert_eq!(found, wanted(bench, before), "not the end that was planned (L5)");
        }
        Ended::RolledBack(_) => {
            let mut found = found;
            found.counters.retain(|key, _| !key.starts_with(KEPT));
            assert_eq!(found, *before, "not what stood before (L5)");
            for frozen in &bench.plan.authority.steps {
                let done = |label| bench.world.log().contains(&format!("{label}"));
                let lost = matches!(frozen.way, Way::Impossible(_));
                assert!(
                    !lost || !frozen.step.effects.iter().any(done),
                    "rolled back across it (L8)"
                );
            }
        }
        Ended::Waiting(_) | Ended::Stuck(_) => {}
    }
}

/// Canaries that move along go there and back once, not before the side is in force, and are home at the end of a way back.
fn canaries_are_at_the_side_in_force(bench: &Bench, ended: &Ended) {
    let Some(following) = &bench.plan.authority.following else { return };
    let (state, to) = (bench.journal.state(), following.to.as_str());
    let led = bench.world.canaries.led.borrow();
    let rows = led.iter().filter(|(place, _)| matches!(place, Canary::Rows(_)));
    let sides: Vec<&str> = rows.filter_map(|(place, _)| place.connection()).collect();
    let moves = sides.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(moves <= 2, "{sides:?}");
    let forth = state.step(&following.forth).status == StepStatus::Done;
    assert!(forth || !sides.contains(&to), "at the new side too early: {sides:?}");
    // Where their end had begun on the way there, there are none on the way back.
    let goes_on = state.step(&step_id("end-canaries")).status == StepStatus::Pending;
    if matches!(ended, Ended::RolledBack(_)) && goes_on {
        assert!(sides.last() != Some(&to), "not home at the end: {sides:?}");
    }
}

/// What the plan promises: every effect of every step, once a round, in order.
fn wanted(bench: &Bench, before: &FarSide) -> FarSide {
    let mut far = before.clone();
    for frozen in &bench.plan.authority.steps {
        for _ in 0..frozen.step.rounds {
            for label in &frozen.step.effects {
                far.perform(&bench.plan.authority.effects[label], false);
            }
        }
    }
    far.seen()
}

/// L1, L4 and L8 at every record, and every record follows from the ones before it.
fn every_record_was_lawful(bench: &Bench) {
    let (authority, mut state) = (&bench.plan.authority, RunState::default());
    let mut intended = Vec::new();
    for record in bench.journal.records() {
        if let Event::TurnedBack { why } = &record.event {
            the_way_back_was_open(bench, &state);
            let lost = state.loss_of_going_back(authority);
            assert!(
                lost.is_none() || why == "wished",
                "went back by itself and lost {lost:?} (L9)"
            );
        }
        state = state.after(&record).unwrap();
        if let Event::Intended(intent) = record.event {
            let step: Option<&Step> = match state.direction {
                Direction::Forward => authority.step(&intent.step).map(|frozen| &frozen.step),
                Direction::Back => authority.undo_step(&intent.step).map(|frozen| &frozen.step),
            };
            let step = step.expect("a step of the plan, in the direction of the run (L1)");
            assert!(step.effects.contains(&intent.label), "`{}` is not listed (L1)", intent.label);
            intended.push(intent);
        }
    }
    for sent in bench.world.sent.borrow().iter() {
        assert!(intended.contains(sent), "`{}` was sent without an intent (L4)", sent.label);
    }
}

/// L8: where a run turned round, everything that may have happened could be undone.
fn the_way_back_was_open(bench: &Bench, state: &RunState) {
    for frozen in &bench.plan.authority.steps {
        if let Way::Impossible(_) = frozen.way {
            let began = frozen.step.effects.iter().any(|label| state.began(label));
            assert!(!began, "turned round behind `{}` (L8)", frozen.step.id);
        }
    }
}

/// L11: whoever lost the lease writes nothing more, and what is sent is sent under the lease of its record.
fn one_process_at_a_time(bench: &Bench) {
    let mut newest = Epoch(0);
    for record in bench.journal.records() {
        assert!(record.epoch >= newest, "a record of an older lease (L11)");
        newest = record.epoch;
        if let Event::Intended(intent) = &record.event {
            assert_eq!(intent.epoch, newest, "an intent of another lease (L11)");
        }
    }
}

fn probes_are_told_of_steps_that_the_plugin_knows(bench: &Bench) {
    let authority = &bench.plan.authority;
    for step in &bench.guest.probed {
        let around = authority.step(step).is_some_and(|frozen| frozen.derived)
            || authority.closing().any(|undo| undo.step.id == *step);
        assert!(!around, "a probe is told of `{step}`, which is the host's own");
    }
}

/// L10: no run ends while something is failing, or can't be known, that held before.
fn watches_that_held_hold(bench: &Bench, ended: &Ended) {
    if !matches!(ended, Ended::Done | Ended::RolledBack(_)) {
        return;
    }
    for (name, watch) in bench.journal.state().watches {
        let passes = watch.verdict == Some(Verdict::Pass);
        assert!(passes || !watch.held, "{name} ends as {:?} (L10)", watch.verdict);
    }
}
