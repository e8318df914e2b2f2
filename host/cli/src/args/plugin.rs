//! `lockstep plugin`, as typed.

use clap::Subcommand;

use super::author::{BuildArguments, InspectArguments, NewArguments, TestArguments};

/// The commands about plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Begins a plugin: a folder that builds at once, with the SDK and the contract in it.
    #[command(
        after_help = "Examples:\n  lockstep plugin new minio\n  lockstep plugin new minio --lang python"
    )]
    New(NewArguments),
    /// Builds a plugin's component, and shows its size and digest. Of Rust the same sources give the same bytes anywhere.
    #[command(after_help = "Example:\n  lockstep plugin build minio")]
    Build(BuildArguments),
    /// Tries a component in every way in which a run may call it: reads that fail or are denied, calls that are repeated or cut off.
    #[command(
        after_help = "Examples:\n  lockstep plugin test minio/target/minio.wasm -e lab --record minio/answers.json\n  lockstep plugin test minio/target/minio.wasm --answers minio/answers.json"
    )]
    Test(TestArguments),
    /// Shows what a component is, and everything that it can ever ask for.
    #[command(
        after_help = "Examples:\n  lockstep plugin inspect minio/target/minio.wasm\n  lockstep plugin inspect redis --json"
    )]
    Inspect(InspectArguments),
}
