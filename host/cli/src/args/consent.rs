//! The commands that change `lockstep.lock`, as typed.

use std::path::PathBuf;

use clap::Args;
use lockstep_registry::{OciSource, Source};

/// What a person agrees to beforehand.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Consent {
    /// Agrees to what is shown. Doesn't cover that a plugin asks for more than before.
    #[arg(long)]
    pub(crate) yes: bool,

    /// Agrees that the plugin asks for more than it did before in this environment.
    #[arg(long)]
    pub(crate) accept_wider: bool,

    /// Agrees that nobody tells when the plugin was published, where `exclude-newer` asks for an age.
    #[arg(long)]
    pub(crate) accept_undated: bool,
}

/// What to add.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The component that it upgrades, which is its name in lockstep.toml and lockstep.lock.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Where it comes from: `file:PATH`, `https://HOST/NAME.wasm`, `oci://HOST/REPOSITORY:TAG`, `oci://HOST/REPOSITORY@sha256:DIGEST`, or
    /// `bundled`.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Source,

    /// What is agreed to.
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// What to hold.
#[derive(Debug, Args)]
pub(crate) struct PinArguments {
    /// The plugin, and the version or the digest of its component: `minio`, `minio@1.2.0`, `minio@sha256:…`.
    #[arg(value_name = "NAME[@VERSION|@DIGEST]")]
    pub(crate) what: String,

    /// What is agreed to.
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// What to update.
#[derive(Debug, Args)]
pub(crate) struct UpdateArguments {
    /// The plugin; none for every one of the environment that is not held by `pin`.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// What is agreed to.
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// What to promote.
#[derive(Debug, Args)]
pub(crate) struct PromoteArguments {
    /// The environment in which it ran.
    #[arg(value_name = "FROM")]
    pub(crate) from: String,

    /// The environment in which it is to run.
    #[arg(value_name = "TO")]
    pub(crate) to: String,

    /// The plugins; none for all that the lock file has for FROM.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// Promotes even what has done no run in FROM.
    #[arg(long)]
    pub(crate) never_ran: bool,

    /// What is agreed to.
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// What to publish.
#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Where to: `oci://HOST/REPOSITORY:TAG`.
    #[arg(value_name = "OCI", value_parser = artifact)]
    pub(crate) to: OciSource,

    /// The private key to sign with, in PEM or as cosign keeps it; `COSIGN_PASSWORD` opens the latter.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// Reads the address of an artifact.
fn artifact(text: &str) -> Result<OciSource, String> {
    match text.parse::<Source>() {
        Ok(Source::Oci(artifact)) => Ok(artifact),
        Ok(Source::Bundled | Source::File(_) | Source::Https(_)) => {
            Err("plugins are published to registries: oci://HOST/REPOSITORY:TAG".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}
