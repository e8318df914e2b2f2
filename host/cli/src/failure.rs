//! Lower errors as commands': each picks its exit code and hints here.

use lockstep_drivers::OpenError;
use lockstep_engine::model::Failure;
use lockstep_engine::run::{AppendError, GuestError, PlanError, RunError};
use lockstep_runtime::LoadError;

use crate::error::CliError;
use crate::exit::Exit;
use crate::hints::hints;
use crate::render::{brief, lines_to_add};

/// What to do about a plugin that broke the rules.
const FAULTY: &str = "this is a fault of the plugin and not of the environment; nothing was changed. \
    Tell its author, and name another build of it in lockstep.toml meanwhile";

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        let hints = hints(&failure);
        let mut error = Self::new(Exit::Failed, failure);
        error.hints = hints;
        error
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        let hints = match &error {
            OpenError::Secrets(failure) => hints(failure),
            OpenError::Token(_) => vec!["copy the token again: it holds a line break or another character that does not belong".to_owned()],
            OpenError::Tls(_) | OpenError::Client(_) => Vec::new(),
        };
        let mut error = Self::new(Exit::Failed, error);
        error.hints = hints;
        error
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        // A plugin's words stay on one line, so that they can't go on with lines that look like Lockstep's own.
        let words = brief(&error.to_string());
        let (mut error, hints) = match error {
            PlanError::World(ref failure) => {
                let hints = hints(failure);
                (Self::new(Exit::Failed, error), hints)
            }
            PlanError::Unhashable(_) => (Self::new(Exit::Failed, error), Vec::new()),
            PlanError::Guest(error) => (Self::from(error), Vec::new()),
            PlanError::Failed { failure, denied, .. } => {
                let lines = denied.iter().flat_map(lines_to_add);
                let lines =
                    lines.map(|lines| format!("to allow it, add to lockstep.toml:\n{lines}"));
                (
                    Self::words(Exit::Failed, words),
                    hints(&failure).into_iter().chain(lines).collect(),
                )
            }
            PlanError::Freeze(_) | PlanError::Unstable { .. } => {
                (Self::words(Exit::Failed, words), vec![FAULTY.to_owned()])
            }
        };
        error.hints.extend(hints);
        error
    }
}

impl From<GuestError> for CliError {
    fn from(error: GuestError) -> Self {
        let hint = match &error {
            GuestError::Trap { .. } => FAULTY,
            GuestError::Host { .. } => {
                "this is no fault of the plugin: this machine was too busy, or Lockstep has a fault; nothing was changed, try again"
            }
        };
        Self::words(Exit::Failed, brief(&error.to_string())).hint(hint)
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        Self::words(Exit::Failed, brief(&error.to_string()))
            .hint("nothing of the plugin was run; this build of it can't be used here")
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match &error {
            RunError::Journal(AppendError::Superseded { .. }) => {
                Self::new(Exit::Held, error).hint("another process goes on with this run; this one did nothing more")
            }
            RunError::Journal(_) => Self::new(Exit::Stuck, error)
                .hint("nothing more was sent; free space or mend the store, then `lockstep resume`"),
            RunError::NotApproved => Self::new(Exit::Usage, error),
            RunError::Illegal(_) | RunError::Chain(_) | RunError::OtherPlan { .. } => Self::new(Exit::Stuck, error)
                .hint("the journal was changed by something other than lockstep; keep a copy of .lockstep/"),
        }
    }
}
