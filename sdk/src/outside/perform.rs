//! Performing the effects of a guided step.

use crate::{Argument, Fact, Failure};

/// Performs effects. A trait of its own, so that a plugin whose steps the host drives does not ask for it.
pub trait Perform {
    /// Performs one effect of the step that is running, and returns what it gave.
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure>;
}
