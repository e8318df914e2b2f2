//! What a step's call is given, as the engine puts it together.

use super::tapped::Tapped;
use super::tested::Tested;
use crate::{Draft, Fact, Failure, Observation, Progress, Sample, StepCall};

/// How often a step that waits is looked at again before a test gives up.
const LOOKS: usize = 200;

/// The run in whose name steps are called.
pub const RUN: &str = "r";

/// What the calls of a plan's steps are given: its parameters, and what earlier steps found and left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The plan's parameters.
    pub parameters: Vec<(String, String)>,
    /// Facts of the steps before, and of the step itself.
    pub facts: Vec<Fact>,
    /// The moment that the host recorded.
    pub now: u64,
}

impl Given {
    /// Returns what a plan gives its first step.
    pub fn by(draft: &Draft) -> Self {
        Self { parameters: draft.parameters.clone(), ..Self::default() }
    }

    /// Returns what is given with more facts; of two with one name the later one counts.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = Fact>) -> Self {
        let mut given = self.clone();
        given.facts.extend(more);
        given
    }

    /// Returns the call of a step, in the first round of the run [`RUN`].
    pub fn call(&self, step: &str) -> StepCall {
        StepCall {
            step: step.to_owned(),
            run: RUN.to_owned(),
            round: 1,
            now: self.now,
            parameters: self.parameters.clone(),
            facts: self.facts.clone(),
        }
    }

    /// Looks once whether a step may start, and gives back the memo of a look before.
    pub fn look<S: Tested>(
        &self,
        stack: &S,
        step: &str,
        memo: &[Fact],
    ) -> Result<Observation, Failure> {
        S::observe(&Tapped::on(stack), &self.call(step), memo)
    }

    /// Looks once whether a step is done, and gives back the memo of a look before.
    pub fn ask<S: Tested>(
        &self,
        stack: &S,
        step: &str,
        memo: &[Fact],
    ) -> Result<Progress, Failure> {
        S::check(&Tapped::on(stack), &self.call(step), memo)
    }

    /// Looks once whether a step may start, and demands an answer.
    #[track_caller]
    pub fn observe<S: Tested>(&self, stack: &S, step: &str) -> Observation {
        self.look(stack, step, &[]).unwrap_or_else(|failure| panic!("{step}: {failure:?}"))
    }

    /// Looks again and again whether a step may start, each time with the memo of the look before.
    #[track_caller]
    pub fn observed<S: Tested>(&self, stack: &S, step: &str) -> Observation {
        let mut memo = Vec::new();
        for _ in 0..LOOKS {
            match self.look(stack, step, &memo) {
                Ok(Observation::Wait(pending)) => memo = pending.memo,
                Ok(other) => return other,
                Err(failure) => panic!("{step}: {failure:?}"),
            }
        }
        panic!("`{step}` never starts")
    }

    /// Demands that a step may start, and returns all that is given from there on.
    #[must_use]
    #[track_caller]
    pub fn ready<S: Tested>(&self, stack: &S, step: &str) -> Self {
        match self.observed(stack, step) {
            Observation::Ready(facts) => self.with(facts),
            other => panic!("{step}: {other:?}"),
        }
    }

    /// Looks once whether a step is done, and demands an answer.
    #[track_caller]
    pub fn check<S: Tested>(&self, stack: &S, step: &str) -> Progress {
        self.ask(stack, step, &[]).unwrap_or_else(|failure| panic!("{step}: {failure:?}"))
    }

    /// Looks again and again whether a step is done, each time with the memo of the look before.
    #[track_caller]
    pub fn checked<S: Tested>(&self, stack: &S, step: &str) -> Progress {
        let mut memo = Vec::new();
        for _ in 0..LOOKS {
            match self.ask(stack, step, &memo) {
                Ok(Progress::Pending(pending)) => memo = pending.memo,
                Ok(other) => return other,
                Err(failure) => panic!("{step}: {failure:?}"),
            }
        }
        panic!("`{step}` is never done")
    }

    /// Demands that a step is done, and returns all that is given from there on.
    #[must_use]
    #[track_caller]
    pub fn after<S: Tested>(&self, stack: &S, step: &str) -> Self {
        match self.checked(stack, step) {
            Progress::Done(facts) => self.with(facts),
            other => panic!("{step}: {other:?}"),
        }
    }

    /// Takes one look for a watch while a step goes on, and demands an answer.
    #[track_caller]
    pub fn probe<S: Tested>(&self, stack: &S, watch: &str, step: &str) -> Sample {
        let found = S::probe(&Tapped::on(stack), watch, &self.call(step));
        found.unwrap_or_else(|failure| panic!("{watch}: {failure:?}"))
    }
}
