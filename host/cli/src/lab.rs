//! Where the lab of a folder is, and how to reach it.

use std::path::{Path, PathBuf};

use lockstep_lab::daemon::{self, Daemon};

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;

/// How to reach a running lab.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// The GraphQL endpoint.
    pub(crate) api: String,
    /// The registry.
    pub(crate) registry: String,
    /// A project token.
    pub(crate) token: String,
    /// Railway's project id.
    pub(crate) project_id: String,
    /// Railway's environment id.
    pub(crate) environment_id: String,
}

/// Returns the folder of the lab that belongs to `directory`.
///
/// # Errors
/// The current directory is gone.
pub(crate) fn folder(directory: &Path) -> Result<PathBuf, CliError> {
    let own = std::path::absolute(directory).or_exit(Exit::Failed)?;
    Ok(crate::session::folder(&own).join("lab"))
}

/// Returns the process that runs the lab of `directory`, if one does.
///
/// # Errors
/// Its files can't be read.
pub(crate) async fn daemon(directory: &Path) -> Result<Option<Daemon>, CliError> {
    let folder = folder(directory)?;
    if !folder.exists() {
        return Ok(None);
    }
    daemon::find(&folder).await.or_exit(Exit::Failed)
}

/// Returns how to reach the lab of `directory`, if one runs.
///
/// # Errors
/// Its files can't be read.
pub(crate) async fn address(directory: &Path) -> Result<Option<Address>, CliError> {
    let Some(daemon) = daemon(directory).await? else { return Ok(None) };
    let get = |name: &str| {
        let found =
            daemon.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        found.ok_or_else(|| {
            CliError::words(
                Exit::Failed,
                format!("the lab does not tell its {name}; start it again"),
            )
        })
    };
    Ok(Some(Address {
        api: get("RAILWAY_API_URL")?,
        registry: daemon.url.clone(),
        token: get("RAILWAY_TOKEN")?,
        project_id: get("RAILWAY_PROJECT_ID")?,
        environment_id: get("RAILWAY_ENVIRONMENT_ID")?,
    }))
}
