//! Why a call did not succeed, as data that outlives the process.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::wire::Extra;

/// The code of the failure of a step of which nothing could be seen until it was over its limit.
pub const UNSEEN: &str = "step:unseen";

/// What went wrong, in words that may be shown to an operator. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// A stable, namespaced code: `redis:loading`, `railway:rate-limited`.
    pub code: String,
    /// One lowercase sentence without a final stop.
    pub message: String,
    /// What a later contract adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Extra,
}

/// One call of a plugin that the host did not allow, in the host's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// What was called, with the label that it named, if it named one.
    pub call: String,
    /// Why it was not allowed.
    pub problem: Problem,
}

/// Why a call did not succeed. Nothing happened in each case: an unknown fate is settled before anybody hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The same call may succeed later. Only the engine retries.
    #[error("{0}")]
    Transient(Problem),
    /// Calling again will not help.
    #[error("{0}")]
    Permanent(Problem),
    /// The host did not allow it, and nothing was sent.
    #[error("denied: {0}")]
    Denied(Problem),
}

impl Failure {
    /// Returns a failure that may pass.
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self::Transient(Problem::new(code, message))
    }

    /// Returns a failure that stays.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self::Permanent(Problem::new(code, message))
    }

    /// Returns a refusal by the host.
    pub fn denied(code: &str, message: impl Into<String>) -> Self {
        Self::Denied(Problem::new(code, message))
    }

    /// Returns what went wrong, whatever its class.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Transient(problem) | Self::Permanent(problem) | Self::Denied(problem) => problem,
        }
    }
}

impl Problem {
    /// Returns a problem without extras.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), extra: Extra::new() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.message, self.code)
    }
}
