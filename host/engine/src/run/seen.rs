//! What the newest look at a step saw.

use super::bounds::{line, pause};
use crate::model::{Failure, Millis};

/// What the newest look saw, and how many before it saw nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Looks in a row that could not be taken.
    failures: u32,
    /// Whether the host could not run the plugin and has tried a fresh instance.
    pub(crate) fresh_instance: bool,
    last: String,
}

impl Seen {
    /// A look that saw how far the step is.
    pub(crate) fn something(note: &str) -> Self {
        Self { last: line(note), ..Self::default() }
    }

    /// Takes in a look that could not be taken, and returns how long to wait until the next.
    pub(crate) fn nothing(&mut self, failure: &Failure) -> Millis {
        let wait = pause(self.failures);
        self.failures += 1;
        self.last = line(&failure.to_string());
        wait
    }

    /// Returns whether the newest look saw anything.
    pub(crate) const fn is_something(&self) -> bool {
        self.failures == 0
    }

    /// Returns what it saw, or why nothing.
    pub(crate) fn last(&self) -> &str {
        if self.last.is_empty() { "nothing was seen yet" } else { &self.last }
    }
}
