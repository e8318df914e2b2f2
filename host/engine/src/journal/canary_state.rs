//! What a run's canaries came to.

use serde::Serialize;

use crate::model::{CanaryTally, Gap, Millis, Numbers};

/// Where the canaries of one kind stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CanaryState {
    /// Those that were acknowledged, as far as it was recorded.
    pub acknowledged: Numbers,
    /// How many of them were looked for, when they were looked for last.
    pub looked_for: u64,
    /// Those of these that were not found.
    pub missing: Numbers,
    /// Those of these that whoever resumed the run knew of.
    pub accepted: Numbers,
    /// How many were not acknowledged.
    pub refused: u64,
    /// How often there was a time without an acknowledgement.
    pub gaps: u64,
    /// The longest of these times.
    pub longest: Option<Gap>,
    /// All of them together.
    pub silent: Millis,
}

impl CanaryState {
    /// Takes up what was found when so many of them were looked for.
    pub(super) fn looked(&mut self, looked_for: u64, missing: &Numbers) {
        self.looked_for = looked_for;
        missing.clone_into(&mut self.missing);
    }

    /// Adds what became of more of them.
    pub(super) fn add(&mut self, tally: &CanaryTally) {
        self.acknowledged.extend(&tally.acknowledged);
        self.refused = self.refused.saturating_add(tally.refused);
        for gap in &tally.gaps {
            self.gaps = self.gaps.saturating_add(1);
            self.silent = Millis(self.silent.0.saturating_add(gap.length().0));
            if self.longest.is_none_or(|longest| gap.length() > longest.length()) {
                self.longest = Some(*gap);
            }
        }
    }
}
