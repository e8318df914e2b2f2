//! Failures: making them and asking what they are.

use std::fmt;

use crate::{Failure, Problem};

impl Failure {
    /// Returns a failure that calling again may mend.
    pub fn transiently(code: &str, message: impl Into<String>) -> Self {
        Self::Transient(problem(code, message))
    }

    /// Returns a failure that calling again will not mend.
    pub fn permanently(code: &str, message: impl Into<String>) -> Self {
        Self::Permanent(problem(code, message))
    }

    /// Returns what went wrong.
    pub const fn problem(&self) -> &Problem {
        match self {
            Self::Transient(problem)
            | Self::Permanent(problem)
            | Self::Denied(problem)
            | Self::Other(problem) => problem,
        }
    }

    /// Returns whether the same call may succeed later.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Transient(_) => true,
            Self::Permanent(_) | Self::Denied(_) | Self::Other(_) => false,
        }
    }

    /// Returns whether the host did not allow the call.
    pub const fn is_denied(&self) -> bool {
        match self {
            Self::Denied(_) => true,
            Self::Transient(_) | Self::Permanent(_) | Self::Other(_) => false,
        }
    }

    /// Returns the code and the message in one line, for evidence.
    pub fn line(&self) -> String {
        let Problem { code, message, .. } = self.problem();
        format!("{message} ({code})")
    }
}

impl Problem {
    /// Returns whether its code is `code`.
    pub fn has(&self, code: &str) -> bool {
        self.code == code
    }
}

/// Keeps a denial apart from every other failure: what is not granted must be granted, not worked around.
///
/// # Errors
/// The host did not allow the call.
pub fn allowed<T>(answer: Result<T, Failure>) -> Result<Result<T, String>, Failure> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(failure) if failure.is_denied() => Err(failure),
        Err(failure) => Ok(Err(failure.line())),
    }
}

fn problem(code: &str, message: impl Into<String>) -> Problem {
    Problem { code: code.to_owned(), message: message.into(), extra: Vec::new() }
}

/// Why a fact that a step rests on could not be read from what the host gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFact(pub String);

impl fmt::Display for MissingFact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the fact `{}` is missing or of another type than recorded", self.0)
    }
}

impl std::error::Error for MissingFact {}

impl From<MissingFact> for Failure {
    fn from(missing: MissingFact) -> Self {
        Self::permanently("plugin:missing-fact", missing.to_string())
    }
}
