//! CLOSE: takes away what the run put there, and says what it leaves.

use crate::{Finding, Step};

/// Returns the last step, which performs the effects that clean up.
pub fn step(id: &str, labels: &[&str]) -> Step {
    Step::new(id, "Clean up", "nothing of the run stays behind but what keeps the way back")
        .effects(labels)
        .if_left("nothing: what is to be cleaned up stays")
}

/// Returns the finding that says what stays.
pub fn finding(stays: &[&str]) -> Finding {
    stays.iter().fold(Finding::note("stays", "what the run leaves behind"), |finding, line| {
        finding.evidence(*line)
    })
}
