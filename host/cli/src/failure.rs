//! Lower errors as commands': each picks its exit code and hints here.

use lockstep_drivers::OpenError;
use lockstep_engine::model::Failure;
use lockstep_engine::run::{AppendError, GuestError, PlanError, RunError};

use crate::error::CliError;
use crate::exit::Exit;

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
        let hints = match &error {
            PlanError::Failed { failure, .. } | PlanError::World(failure) => hints(failure),
            PlanError::Guest(GuestError::Trap { .. }) => {
                vec!["this is a fault of the plugin; nothing was changed".to_owned()]
            }
            PlanError::Guest(GuestError::Host { .. })
            | PlanError::Freeze(_)
            | PlanError::Unstable { .. }
            | PlanError::Unhashable(_) => Vec::new(),
        };
        let mut error = Self::new(Exit::Failed, error);
        error.hints = hints;
        error
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

/// Returns what an operator can do about a failure, by its code.
fn hints(failure: &Failure) -> Vec<String> {
    let problem = failure.problem();
    let mut hints: Vec<String> = match problem.code.as_str() {
        "railway:not-authorized" => vec![
            "the token is wrong, expired, or may not do this: Railway answers the same for all three".to_owned(),
            "a project token goes with kind = \"project\", an account token with kind = \"account\"".to_owned(),
        ],
        "railway:rate-limited" => vec!["wait for the time that Railway named; nothing was lost".to_owned()],
        "railway:unreachable" | "railway:connection" | "railway:timeout" => {
            vec!["Railway's API can't be reached from here; `lockstep doctor` looks closer".to_owned()]
        }
        "redis:unreachable" | "redis:connect" => vec!["is the service running? `lockstep status` tells".to_owned()],
        "redis:auth" | "redis:noauth" => vec!["the variable that holds the password is not what the server was started with".to_owned()],
        _ => Vec::new(),
    };
    let lines = problem.extra.iter().filter(|(name, _)| name == "add");
    hints.extend(lines.map(|(_, line)| {
        format!("to allow it, add to the grants of the plugin in lockstep.toml: {line}")
    }));
    hints
}
