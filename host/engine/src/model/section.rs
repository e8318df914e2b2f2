//! Critical sections: runs of steps between blocking writes and letting them flow again (L14).

use super::draft::Step;
use super::name::{Label, StepId};
use super::plan::Authority;
use super::time::Millis;

/// The entry of a step's `extra` that names its section.
pub const SECTION: &str = "section";

/// The entry of a step's `extra` that holds its section's deadline, in milliseconds.
pub const MAX_OUTAGE: &str = "max-outage";

/// The code of the failure of a step of a section that is over its deadline.
pub const OVERDUE: &str = "section:deadline";

/// Consecutive steps of a frozen plan that have one deadline together, and are backed out of at once when anything goes
/// wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its name.
    pub name: &'a str,
    /// How long it may take from its beginning.
    pub max_outage: Millis,
    /// Its first step.
    pub first: &'a StepId,
    /// Its last step.
    pub last: &'a StepId,
}

impl Step {
    /// Returns the section that the step names.
    pub fn section(&self) -> Option<&str> {
        self.entry(SECTION)
    }

    /// Returns an entry of `extra`.
    pub(crate) fn entry(&self, key: &str) -> Option<&str> {
        self.extra.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

impl Authority {
    /// Returns the section that a step of the way there belongs to. Undo steps belong to none.
    pub fn section_of(&self, step: &StepId) -> Option<Section<'_>> {
        let name = self.step(step)?.step.section()?;
        let mut steps =
            self.steps.iter().map(|it| &it.step).filter(|it| it.section() == Some(name));
        let first = steps.next()?;
        let last = steps.next_back().unwrap_or(first);
        let max_outage = Millis(first.entry(MAX_OUTAGE)?.parse().ok()?);
        Some(Section { name, max_outage, first: &first.id, last: &last.id })
    }

    /// Returns the section that an effect of the way there is performed in.
    pub fn section_of_effect(&self, label: &Label) -> Option<Section<'_>> {
        let step = self.steps.iter().find(|it| it.step.effects.contains(label))?;
        self.section_of(&step.step.id)
    }
}
