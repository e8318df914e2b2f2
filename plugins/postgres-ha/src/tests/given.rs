//! What a step's call is given, as the engine puts it together.

use lockstep_sdk::{Draft, Fact, Observation, Progress, Step, StepCall};

use super::declared::Declared;
use super::stack::{Stack, target};
use crate::check::check;
use crate::observe::observe;
use crate::path::plan;

/// The options of the path with the job.
pub(super) const JOB: &[(&str, &str)] = &[("path", "job")];

/// The options of the path that makes a cluster.
pub(super) const CLUSTER: &[(&str, &str)] = &[("path", "cluster")];

/// The options of the path on which the server becomes a node.
pub(super) const IN_PLACE: &[(&str, &str)] = &[("path", "in-place")];

/// Plans, and demands that nothing forbids the plan.
#[track_caller]
pub(super) fn planned(stack: &Stack) -> (Draft, Declared) {
    planned_with(stack, &[])
}

#[track_caller]
pub(super) fn planned_with(stack: &Stack, options: &[(&str, &str)]) -> (Draft, Declared) {
    let declared = Declared::default();
    let draft = plan(stack, &declared, &target(options)).unwrap();
    let refusals: Vec<_> = draft.findings.iter().filter(|finding| finding.refuses()).collect();
    assert!(refusals.is_empty(), "{refusals:#?}");
    (draft, declared)
}

/// What a step's call is given.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) parameters: Vec<(String, String)>,
    pub(super) facts: Vec<Fact>,
}

impl Given {
    /// What a plan gives its steps, and what the first step recorded.
    pub(super) fn kept(stack: &Stack) -> Self {
        Self::kept_with(stack, &[])
    }

    pub(super) fn kept_with(stack: &Stack, options: &[(&str, &str)]) -> Self {
        let (draft, _) = planned_with(stack, options);
        let mut given = Self { parameters: draft.parameters, facts: Vec::new() };
        match given.observe(stack, "keep") {
            Observation::Ready(facts) => given.facts = facts,
            other => panic!("{other:?}"),
        }
        given
    }

    pub(super) fn call(&self, step: &str) -> StepCall {
        let Self { parameters, facts } = self.clone();
        StepCall { step: step.to_owned(), run: "r".to_owned(), round: 1, now: 0, parameters, facts }
    }

    pub(super) fn observe(&self, stack: &Stack, step: &str) -> Observation {
        observe(stack, &self.call(step), &[]).unwrap()
    }

    /// Looks again and again whether a step may start, each time with the memo of the look before.
    pub(super) fn observed(&self, stack: &Stack, step: &str) -> Observation {
        let mut memo = Vec::new();
        for _ in 0..200 {
            match observe(stack, &self.call(step), &memo).unwrap() {
                Observation::Wait(pending) => memo = pending.memo,
                other => return other,
            }
        }
        panic!("`{step}` never starts")
    }

    pub(super) fn check(&self, stack: &Stack, step: &str) -> Progress {
        check(stack, &self.call(step), &[]).unwrap()
    }

    /// Checks again and again, each time with the memo of the look before.
    pub(super) fn checked(&self, stack: &Stack, step: &str) -> Progress {
        let mut memo = Vec::new();
        for _ in 0..200 {
            match check(stack, &self.call(step), &memo).unwrap() {
                Progress::Pending(pending) => memo = pending.memo,
                other => return other,
            }
        }
        panic!("`{step}` is never done")
    }
}

#[track_caller]
pub(super) fn failed(progress: &Progress, part: &str) {
    let Progress::Failed(why) = progress else { panic!("{progress:?}") };
    assert!(why.contains(part), "{why}");
}

#[track_caller]
pub(super) fn pending(progress: &Progress, part: &str) {
    let Progress::Pending(pending) = progress else { panic!("{progress:?}") };
    assert!(pending.note.contains(part), "{}", pending.note);
}

#[track_caller]
pub(super) fn moved(found: &Observation, part: &str) {
    let Observation::Moved(why) = found else { panic!("{found:?}") };
    assert!(why.contains(part), "{why}");
}

#[track_caller]
pub(super) fn waits(found: &Observation, part: &str) {
    let Observation::Wait(pending) = found else { panic!("{found:?}") };
    assert!(pending.note.contains(part), "{}", pending.note);
}

#[track_caller]
pub(super) fn step<'a>(steps: &'a [Step], id: &str) -> &'a Step {
    steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("there is no step `{id}`"))
}

pub(super) fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}
