//! Exit codes: what scripts may rely on.

use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked is done.
    Done,
    /// It failed, and nothing was changed.
    Failed,
    /// The command line or a file is wrong.
    Usage,
    /// The plan refuses, and says why.
    Refused,
    /// A run waits.
    Waiting,
    /// A run was rolled back.
    RolledBack,
    /// A run is stuck: a person decides.
    Stuck,
    /// The environment moved since the plan was made.
    Moved,
    /// Another run holds the environment.
    Held,
}

impl Exit {
    /// Returns the number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Waiting => 10,
            Self::RolledBack => 11,
            Self::Stuck => 12,
            Self::Moved => 13,
            Self::Held => 14,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
