//! A plugin that is loaded, and where it came from.

use std::fmt;
use std::path::PathBuf;

use lockstep_engine::model::{Description, Digest, PluginPin};
use lockstep_engine::policy::Grant;
use lockstep_engine::run::Guest as _;
use lockstep_runtime::{Plugin, Runtime};

use crate::config::EnvironmentDocument;
use crate::error::CliError;
use crate::lockfile::Entry;
use crate::render::brief;

/// One plugin, loaded.
pub(crate) struct Loaded {
    /// The plugin.
    pub(crate) plugin: Plugin,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// What it says of itself.
    pub(crate) description: Description,
    /// Its name, version and digest.
    pub(crate) pin: PluginPin,
    /// The operator's name for it, under which `lockstep.toml` has its grants and options. Never what a plugin that is not
    /// bundled calls itself: it could call itself by the name of one that was granted more.
    pub(crate) called: String,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// What lockstep.lock says of it, if it does.
    pub(crate) entry: Option<Entry>,
}

/// Where a plugin came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// With this binary.
    Bundled,
    /// From a file.
    File(PathBuf),
    /// From where lockstep.lock says, and exactly the bytes that it names.
    Locked {
        /// Where it came from.
        source: String,
        /// Who signed it.
        signer: Option<String>,
    },
    /// From the store, as it was when its run was approved.
    Store,
}

/// Loads a plugin from its bytes, and asks it what it is.
///
/// # Errors
/// It can't be loaded, or breaks the rules.
pub(crate) async fn load(
    runtime: &Runtime,
    bytes: Vec<u8>,
    origin: Origin,
) -> Result<Loaded, CliError> {
    let attempted = |error: CliError| error.within(format!("could not load the plugin {origin}"));
    let mut plugin = runtime.load(&bytes).map_err(|error| attempted(error.into()))?;
    let description = plugin.describe().await.map_err(|error| attempted(error.into()))?;
    let pin = PluginPin {
        name: description.name.clone(),
        version: description.version.clone(),
        digest: Digest::of(&bytes),
    };
    let called = description.name.clone();
    Ok(Loaded { plugin, bytes, description, pin, called, origin, entry: None })
}

impl Loaded {
    /// Returns the plugin's name, version and origin, for people.
    pub(crate) fn title(&self) -> String {
        format!("plugin `{}` {} ({})", brief(&self.pin.name), brief(&self.pin.version), self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => out.write_str("of this binary"),
            Self::File(path) => write!(out, "`{}`", path.display()),
            Self::Locked { source, signer: None } => write!(out, "{source}, as locked"),
            Self::Locked { source, signer: Some(signer) } => {
                write!(out, "{source}, as locked, signed by `{signer}`")
            }
            Self::Store => out.write_str("of the run"),
        }
    }
}

/// Returns what a plugin may do in an environment: what the operator wrote, or what a bundled plugin asks for.
pub(crate) fn granted(
    document: &EnvironmentDocument,
    called: &str,
    description: &Description,
    bundled: bool,
) -> Grant {
    match document.grants.get(called) {
        Some(entries) => Grant::new(entries.clone()),
        None if bundled => {
            let asked = description.requests.iter().cloned();
            Grant::new(
                asked
                    .map(|mut request| {
                        request.why.clear();
                        request
                    })
                    .collect(),
            )
        }
        None => Grant::default(),
    }
}
