//! What a run's watches saw.

use crate::model::{Moment, Share, Verdict};

/// Where one watch stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchState {
    /// The newest verdict, if anything was looked at.
    pub verdict: Option<Verdict>,
    /// How it showed when the verdict became this one.
    pub evidence: String,
    /// Since when the verdict is this one.
    pub since: Moment,
    /// Whether it has passed in this run: what failed all along is not the run's doing.
    pub held: bool,
    /// The requests of the window before the run, for a watch that counts them.
    pub before: Option<Share>,
}

impl WatchState {
    /// Takes up a change of verdict.
    pub(super) fn saw(&mut self, verdict: Verdict, evidence: &str, at: Moment) {
        self.verdict = Some(verdict);
        evidence.clone_into(&mut self.evidence);
        self.since = at;
        self.held |= verdict == Verdict::Pass;
    }
}
