//! Drafts: what every plan of a plugin is made into.

use crate::{Draft, Finding, Step, Version};

impl Draft {
    /// Returns a draft without steps: a plan that is refused, or that has nothing to do.
    pub fn bare((current, desired): (Version, Version), findings: Vec<Finding>) -> Self {
        let draft = Self {
            current,
            desired,
            findings,
            steps: Vec::new(),
            undo: Vec::new(),
            watches: Vec::new(),
            uncovered: Vec::new(),
            parameters: Vec::new(),
            extra: Vec::new(),
        };
        draft.of_steps(Vec::new())
    }

    /// Gives the draft its steps, and takes out of its findings what none of them mends.
    #[must_use]
    pub fn of_steps(mut self, steps: Vec<Step>) -> Self {
        for finding in &mut self.findings {
            finding.mended_by.retain(|id| steps.iter().any(|step| step.id == *id));
        }
        Self { steps, ..self }
    }
}
