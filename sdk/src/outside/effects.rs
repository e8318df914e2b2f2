//! Asking what became of an effect.

use crate::{Failure, Job};

/// What became of the effects of this run.
pub trait Effects {
    /// Returns how far an effect is; none if it never began.
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure>;

    /// Returns whether an effect may have happened. One that failed on its way has begun.
    ///
    /// An undo step is looked at as a whole, also where some of its effects reverse nothing and are skipped, so what it
    /// demands depends on this.
    fn began(&self, label: &str) -> Result<bool, Failure> {
        match self.progress(label) {
            Ok(job) => Ok(job.is_some()),
            Err(failure) if failure.is_denied() => Err(failure),
            Err(_) => Ok(true),
        }
    }
}
