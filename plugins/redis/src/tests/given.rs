//! What a step's call is given, as the engine puts it together.

use lockstep_sdk::{Fact, Observation, Progress, StepCall};

use super::stack::{Declared, Stack, target};
use crate::check::check;
use crate::observe::observe;
use crate::path::plan;

/// What a step's call is given.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) parameters: Vec<(String, String)>,
    pub(super) facts: Vec<Fact>,
    pub(super) now: u64,
}

pub(super) fn call(step: &str, given: &Given) -> StepCall {
    let Given { parameters, facts, now } = given.clone();
    StepCall { step: step.to_owned(), run: "r".to_owned(), round: 1, now, parameters, facts }
}

/// Runs `observe` until it is ready, giving back its memo, and adds what it recorded.
pub(super) fn ready(stack: &Stack, step: &str, given: &Given) -> Given {
    let mut memo = Vec::new();
    for _ in 0..3 {
        match observe(stack, &call(step, given), &memo).unwrap() {
            Observation::Ready(recorded) => {
                let mut given = given.clone();
                given.facts.extend(recorded);
                return given;
            }
            Observation::Wait(pending) => memo = pending.memo,
            Observation::NothingToDo(why) | Observation::Moved(why) | Observation::Other(why) => {
                panic!("{step}: {why}")
            }
        }
    }
    panic!("{step} is never ready");
}

/// What a plan gives its steps before the first one.
pub(super) fn planned(stack: &Stack, desired: &str) -> Given {
    let draft = plan(stack, &Declared::default(), &target(Some(desired), &[])).unwrap();
    Given { parameters: draft.parameters, ..Given::default() }
}

pub(super) fn kept(stack: &Stack, desired: &str) -> Given {
    ready(stack, "keep", &planned(stack, desired))
}

/// What `upgrade` is given after all steps before it.
pub(super) fn prepared(stack: &Stack, desired: &str) -> Given {
    let mut given = kept(stack, desired);
    given.facts.extend(done(stack, "canary", &given));
    let stops = given.parameters.iter().any(|(name, _)| name == "worker");
    if stops { ready(stack, "final-save", &given) } else { given }
}

/// Returns what the check of a step that is done leaves.
#[track_caller]
pub(super) fn done(stack: &Stack, step: &str, given: &Given) -> Vec<Fact> {
    match check(stack, &call(step, given), &[]).unwrap() {
        Progress::Done(facts) => facts,
        other => panic!("{step}: {other:?}"),
    }
}

#[track_caller]
pub(super) fn failed(progress: Progress, part: &str) {
    let Progress::Failed(why) = progress else { panic!("{progress:?}") };
    assert!(why.contains(part), "{why}");
}
