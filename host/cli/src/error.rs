//! What the user reads when something did not work: the message, its causes, and what to do next.

use crate::exit::Exit;

/// A command did not do what was asked.
#[derive(Debug)]
pub(crate) struct CliError {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What went wrong, with its causes.
    pub(crate) error: anyhow::Error,
    /// What the user can do, one thing a line.
    pub(crate) hints: Vec<String>,
}

impl CliError {
    /// Returns an error with the exit it leads to.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hints: Vec::new() }
    }

    /// Returns an error in words.
    pub(crate) fn words(exit: Exit, words: impl Into<String>) -> Self {
        Self::new(exit, anyhow::Error::msg(words.into()))
    }

    /// Says what was attempted; what went wrong becomes the cause.
    #[must_use]
    pub(crate) fn within(mut self, words: impl Into<String>) -> Self {
        self.error = self.error.context(words.into());
        self
    }

    /// Adds something that the user can do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Gives a lower error its exit.
pub(crate) trait OrExit<T> {
    /// Turns an error into a command's.
    fn or_exit(self, exit: Exit) -> Result<T, CliError>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, CliError> {
        self.map_err(|error| CliError::new(exit, error))
    }
}
