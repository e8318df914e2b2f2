//! The commands that read and change `lockstep.lock`.

mod add;
mod agree;
mod list;
mod promote;
mod publish;
mod verify;

pub(super) use add::{add, pin, update};
pub(super) use list::list;
pub(super) use promote::promote;
pub(super) use publish::publish;
pub(super) use verify::verify;

use crate::config::{self, EnvironmentDocument, LAB};
use crate::error::CliError;
use crate::session::Session;

/// Returns the environment that is meant, as lockstep.toml has it. Of the lab nothing needs to run.
///
/// # Errors
/// It is unknown.
pub(super) fn place(
    session: &Session,
    wanted: Option<&str>,
) -> Result<(String, EnvironmentDocument), CliError> {
    let document = session.document.as_ref();
    let usual = document.and_then(|document| document.default_environment.as_deref());
    if wanted.or(usual) == Some(LAB) {
        let written = document.and_then(|document| document.environments.get(LAB));
        return Ok((LAB.to_owned(), written.cloned().unwrap_or_default()));
    }
    config::choose(document, wanted, None)
}
