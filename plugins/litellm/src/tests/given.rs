//! What a step's call is given, as the engine puts it together.

use lockstep_sdk::{Draft, Fact, Finding, Observation, Progress, Sample, Step, StepCall};

use super::declared::Declared;
use super::stack::{Stack, target};
use crate::check::check;
use crate::observe::observe;
use crate::path::plan;
use crate::probe::probe;

/// The version that most plans here lead to.
pub(crate) const TO: &str = "1.84.0";

/// Plans, whatever comes of it.
pub(crate) fn drafted(stack: &Stack, to: &str, options: &[(&str, &str)]) -> (Draft, Declared) {
    let declared = Declared::default();
    let draft = plan(stack, &declared, &target(Some(to), options)).unwrap();
    (draft, declared)
}

/// Plans, and demands that nothing forbids the plan.
#[track_caller]
pub(crate) fn planned(stack: &Stack, to: &str) -> (Draft, Declared) {
    planned_with(stack, to, &[])
}

#[track_caller]
pub(crate) fn planned_with(stack: &Stack, to: &str, options: &[(&str, &str)]) -> (Draft, Declared) {
    let (draft, declared) = drafted(stack, to, options);
    let refusals: Vec<_> = draft.findings.iter().filter(|finding| finding.refuses()).collect();
    assert!(refusals.is_empty(), "{refusals:#?}");
    (draft, declared)
}

/// What a step's call is given.
#[derive(Clone, Default)]
pub(crate) struct Given {
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) facts: Vec<Fact>,
}

impl Given {
    /// What a plan gives its steps, and what the first step recorded.
    #[track_caller]
    pub(crate) fn kept(stack: &Stack) -> Self {
        Self::kept_with(stack, TO, &[])
    }

    #[track_caller]
    pub(crate) fn kept_with(stack: &Stack, to: &str, options: &[(&str, &str)]) -> Self {
        let (draft, _) = planned_with(stack, to, options);
        let mut given = Self { parameters: draft.parameters, facts: Vec::new() };
        match given.observe(stack, "keep") {
            Observation::Ready(facts) => given.facts = facts,
            other => panic!("{other:?}"),
        }
        given
    }

    pub(crate) fn call(&self, step: &str) -> StepCall {
        let Self { parameters, facts } = self.clone();
        let now = 1_700_000_000_000;
        StepCall { step: step.to_owned(), run: "r".to_owned(), round: 1, now, parameters, facts }
    }

    pub(crate) fn observe(&self, stack: &Stack, step: &str) -> Observation {
        observe(stack, &self.call(step), &[]).unwrap()
    }

    /// Looks again and again whether a step may start, each time with the memo of the look before.
    pub(crate) fn observed(&self, stack: &Stack, step: &str) -> Observation {
        let mut memo = Vec::new();
        for _ in 0..200 {
            match observe(stack, &self.call(step), &memo).unwrap() {
                Observation::Wait(pending) => memo = pending.memo,
                other => return other,
            }
        }
        panic!("`{step}` never starts")
    }

    pub(crate) fn check(&self, stack: &Stack, step: &str) -> Progress {
        check(stack, &self.call(step), &[]).unwrap()
    }

    /// Checks again and again, each time with the memo of the look before.
    pub(crate) fn checked(&self, stack: &Stack, step: &str) -> Progress {
        let mut memo = Vec::new();
        for _ in 0..200 {
            match check(stack, &self.call(step), &memo).unwrap() {
                Progress::Pending(pending) => memo = pending.memo,
                other => return other,
            }
        }
        panic!("`{step}` is never done")
    }

    /// Demands that a step is done, and gives its facts to those that follow.
    #[track_caller]
    pub(crate) fn after(mut self, stack: &Stack, step: &str) -> Self {
        match self.checked(stack, step) {
            Progress::Done(facts) => self.facts.extend(facts),
            other => panic!("{other:?}"),
        }
        self
    }

    pub(crate) fn probe(&self, stack: &Stack, watch: &str, step: &str) -> Sample {
        probe(stack, watch, &self.call(step)).unwrap()
    }
}

#[track_caller]
pub(crate) fn done(progress: &Progress) -> &[Fact] {
    let Progress::Done(facts) = progress else { panic!("{progress:?}") };
    facts
}

#[track_caller]
pub(crate) fn failed(progress: &Progress, part: &str) {
    let Progress::Failed(why) = progress else { panic!("{progress:?}") };
    assert!(why.contains(part), "{why}");
}

#[track_caller]
pub(crate) fn pending(progress: &Progress, part: &str) {
    let Progress::Pending(pending) = progress else { panic!("{progress:?}") };
    assert!(pending.note.contains(part), "{}", pending.note);
}

#[track_caller]
pub(crate) fn moved(found: &Observation, part: &str) -> String {
    let Observation::Moved(why) = found else { panic!("{found:?}") };
    assert!(why.contains(part), "{why}");
    why.clone()
}

#[track_caller]
pub(crate) fn step<'a>(steps: &'a [Step], id: &str) -> &'a Step {
    steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("there is no step `{id}`"))
}

#[track_caller]
pub(crate) fn finding<'a>(draft: &'a Draft, id: &str) -> &'a Finding {
    let found = draft.findings.iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("there is no finding `{id}`: {:#?}", draft.findings))
}

pub(crate) fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}
