//! Lower errors as commands': each picks its exit code and hints here.

use lockstep_drivers::OpenError;
use lockstep_engine::model::Failure;
use lockstep_engine::run::{AppendError, GuestError, PlanError, RunError};
use lockstep_runtime::LoadError;
use lockstep_store::{ConnectError, ExportError, RecordsError};

use crate::error::CliError;
use crate::exit::Exit;
use crate::hints::hints;
use crate::render::{brief, lines_to_add};

/// What to do about a plugin that broke the rules.
const FAULTY: &str = "this is a fault of the plugin and not of the environment; nothing was changed. \
    Tell its author, and name another build of it in lockstep.toml meanwhile";

/// What to do about plans that differ from one moment to the next.
const CHANGING: &str = "what runs there is just changing, as when a deployment comes up: plan again when it stands still. If it does, \
    this is a fault of the plugin; nothing was changed";

/// What to do about a run that was changed.
const FLAWED: &str = "this run can't be relied on: keep a copy of where it is kept as it is now, and look who else can write there";

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

/// A plugin itself says that it can't plan, and was denied nothing before.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotPlan(String);

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
                let hints = hints(&failure).into_iter().chain(lines).collect();
                if denied.is_empty() {
                    (Self::new(Exit::Failed, CannotPlan(words)), hints)
                } else {
                    (Self::words(Exit::Failed, words), hints)
                }
            }
            PlanError::Freeze(_) => (Self::words(Exit::Failed, words), vec![FAULTY.to_owned()]),
            PlanError::Unstable { .. } => {
                (Self::words(Exit::Failed, words), vec![CHANGING.to_owned()])
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

/// Says why the store in PostgreSQL can't be used, and what to do about it. `variable` is what its URL was read from.
pub(crate) fn unconnected(error: ConnectError, variable: Option<&str>) -> CliError {
    let (exit, hint) = match &error {
        ConnectError::Url => (
            Exit::Usage,
            format!(
                "{} must hold postgres://role:password@host:5432/database, with sslmode=disable, prefer, require or verify-full where wanted; special characters of the password are percent-encoded",
                variable.unwrap_or("the variable")
            ),
        ),
        ConnectError::Schema(_) => (Exit::Usage, "name another one: schema = \"lockstep\"".to_owned()),
        ConnectError::Tls(_) => (Exit::Failed, "sslmode=disable goes without TLS".to_owned()),
        ConnectError::Unreachable { .. } => (
            Exit::Failed,
            "is the server running, and do host and port of the URL lead to it from here? Nothing was changed".to_owned(),
        ),
        ConnectError::Refused { .. } => (
            Exit::Failed,
            "is the role's password the one in the URL, and does the server's pg_hba.conf let the role in from here?".to_owned(),
        ),
        ConnectError::NoDatabase { .. } => {
            (Exit::Failed, "make it first: `createdb` as a role that may".to_owned())
        }
        ConnectError::Denied { schema, .. } => (
            Exit::Failed,
            format!("as the database's owner: CREATE SCHEMA {schema} AUTHORIZATION the role in the URL"),
        ),
        ConnectError::Unfit { .. } => (
            Exit::Failed,
            "a journal needs a primary that keeps what it acknowledges, in a database in UTF-8".to_owned(),
        ),
        ConnectError::NotAStore { .. } => {
            (Exit::Usage, "name a schema of its own for the store in lockstep.toml".to_owned())
        }
        ConnectError::Newer { .. } => {
            (Exit::Failed, "`lockstep --version` tells which this one is".to_owned())
        }
        ConnectError::Randomness(_) => (Exit::Failed, "nothing was changed".to_owned()),
        ConnectError::Store { .. } => (Exit::Failed, "nothing was changed; try again".to_owned()),
    };
    CliError::new(exit, error).hint(hint)
}

/// Says that a run is not what was written, or can't be read.
pub(crate) fn flawed(error: RecordsError) -> CliError {
    let hint = match &error {
        RecordsError::Flaw(_) => Some(FLAWED),
        RecordsError::Newer { .. } => Some("`lockstep --version` tells which this one is"),
        RecordsError::NoRun(_) | RecordsError::Store(_) => None,
    };
    let told = CliError::new(Exit::Failed, error);
    hint.into_iter().fold(told, CliError::hint)
}

/// Says that an exported file does not prove itself.
pub(crate) fn unproven(error: ExportError) -> CliError {
    match error {
        ExportError::Records(error) => flawed(error),
        ExportError::OtherPlan { .. } => CliError::new(Exit::Failed, error).hint(FLAWED),
        ExportError::Read(_) | ExportError::Header(_) => CliError::new(Exit::Usage, error)
            .hint("`lockstep export RUN --out FILE` makes such a file"),
        ExportError::Newer { .. } => {
            CliError::new(Exit::Failed, error).hint("`lockstep --version` tells which this one is")
        }
    }
}
