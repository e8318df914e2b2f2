//! What a plugin was denied in a run. A plugin may hide it, so the host records it: each thing once for a step.

use std::collections::BTreeMap;

use super::bounds::{MAX_DENIED, kept};
use super::execute::{Execution, RunError};
use super::port::{Clock, Control, Journal, Reporter, World};
use crate::journal::{Event, Record};
use crate::model::{Denial, Problem, StepId};

/// What is recorded already, by step.
#[derive(Debug, Default)]
pub(super) struct Denials(BTreeMap<StepId, Vec<Problem>>);

impl Denials {
    /// Returns what `records` say.
    pub(super) fn of(records: &[Record]) -> Self {
        let mut known = Self::default();
        for record in records {
            if let Event::Denied { step, denial } = &record.event {
                known.0.entry(step.clone()).or_default().push(denial.problem.clone());
            }
        }
        known
    }

    /// Takes `denial` up, and returns whether it is to be recorded: it is new, and not one too many.
    fn add(&mut self, step: &StepId, denial: &Denial) -> bool {
        let known = self.0.entry(step.clone()).or_default();
        let is_new = known.len() < MAX_DENIED && !known.contains(&denial.problem);
        if is_new {
            known.push(denial.problem.clone());
        }
        is_new
    }
}

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Records what the plugin was denied in `step`. It is written with the next commit.
    pub(super) fn record_denied(
        &mut self,
        step: &StepId,
        denials: Vec<Denial>,
    ) -> Result<(), RunError> {
        for denial in denials.into_iter().map(kept) {
            if self.denials.add(step, &denial) {
                self.note(Event::Denied { step: step.clone(), denial })?;
            }
        }
        Ok(())
    }
}
