//! A component's file, loaded outside any environment.

use std::path::Path;

use lockstep_engine::model::Description;
use lockstep_engine::run::Guest as _;
use lockstep_runtime::{Inspection, Limits, Plugin, Runtime};

use crate::args::Global;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::session::folder;

/// A component that is a plugin.
pub(super) struct Component {
    /// What its bytes say.
    pub(super) inspection: Inspection,
    /// What it says of itself.
    pub(super) description: Description,
    /// The plugin.
    pub(super) plugin: Plugin,
}

/// Reads a component's file.
///
/// # Errors
/// It can't be read.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file).map_err(|error| {
        let words = format!("could not read the component `{}`", file.display());
        CliError::new(Exit::Usage, anyhow::Error::new(error).context(words))
            .hint("`lockstep plugin build FOLDER` writes one to FOLDER/target/NAME.wasm")
    })
}

/// Loads a component, which is compiled unless it was before, and asks it what it is.
///
/// # Errors
/// The bytes are no plugin, or the plugin breaks the rules.
pub(super) async fn load(global: &Global, bytes: &[u8]) -> Result<Component, CliError> {
    let inspection =
        lockstep_runtime::inspect(bytes).map_err(|error| CliError::new(Exit::Failed, error))?;
    let own = folder(&global.directory);
    lockstep_store::prepare_folder(&own).or_exit(Exit::Failed)?;
    let runtime = Runtime::new(&own.join("cache"), Limits::default()).or_exit(Exit::Failed)?;
    let mut plugin = runtime.load(bytes)?;
    let description = plugin.describe().await?;
    Ok(Component { inspection, description, plugin })
}

/// Returns a number of bytes in words.
#[expect(clippy::cast_precision_loss, reason = "no component comes near 2^52 bytes")]
pub(super) fn size(bytes: usize) -> String {
    const KIB: f64 = 1024.0;
    match bytes as f64 / KIB {
        small if small < 1.0 => format!("{bytes} bytes"),
        kib if kib < KIB => format!("{kib:.0} KiB"),
        kib => format!("{:.1} MiB", kib / KIB),
    }
}
