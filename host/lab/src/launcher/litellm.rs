//! An image of `LiteLLM` that is told to migrate instead of serving, as its own chart tells it to.

use super::{
    Launch, LaunchError,
    process::{Prepared, note},
    stand_in, start_command,
};
use crate::stand_in::Kind;

/// The script in the image that migrates and ends.
const SCRIPT: &str = "litellm/proxy/prisma_migration.py";

/// Whether the start command is the script.
pub(super) fn migrates(launch: &Launch) -> bool {
    let words = launch.start_command.as_deref().map(start_command::words);
    matches!(words, Some(Ok(words)) if words.iter().any(|word| word.ends_with(SCRIPT)))
}

/// What starts in the script's place.
pub(super) fn prepare(launch: &Launch) -> Result<Prepared, LaunchError> {
    note(&launch.log, &format!("a stand-in does the work of `{SCRIPT}`"))?;
    let launch = Launch { start_command: None, ..launch.clone() };
    stand_in::prepare(&launch, Kind::LiteLlmMigration)
}
