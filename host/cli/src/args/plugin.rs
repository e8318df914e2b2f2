//! `lockstep plugin`, as typed.

use clap::Subcommand;

use super::author::{BuildArguments, InspectArguments, NewArguments, TestArguments};
use super::consent::{
    AddArguments, PinArguments, PromoteArguments, PublishArguments, UpdateArguments,
};

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
    /// Takes a plugin into lockstep.lock for one environment, once a person has seen what it is and what it asks for.
    #[command(
        after_help = "Examples:\n  lockstep plugin add minio oci://registry.example/acme/minio:1.2.0 -e staging\n  lockstep plugin add minio file:minio/target/minio.wasm -e lab --yes"
    )]
    Add(AddArguments),
    /// Holds a plugin at a version or at exact bytes: `update` leaves it alone unless it is named.
    #[command(
        after_help = "Examples:\n  lockstep plugin pin redis -e production\n  lockstep plugin pin minio@1.2.0 -e production"
    )]
    Pin(PinArguments),
    /// Asks the sources what they have now, and takes that once a person has seen what differs.
    #[command(
        after_help = "Examples:\n  lockstep plugin update -e staging\n  lockstep plugin update minio -e staging"
    )]
    Update(UpdateArguments),
    /// Copies exactly the bytes that did a run well in one environment to another.
    #[command(
        after_help = "Examples:\n  lockstep plugin promote staging production\n  lockstep plugin promote staging production minio"
    )]
    Promote(PromoteArguments),
    /// Proves every entry of lockstep.lock, or those of one environment: bytes, contract, signer, requests and grants.
    #[command(
        after_help = "Examples:\n  lockstep plugin verify\n  lockstep plugin verify -e production --offline"
    )]
    Verify,
    /// Publishes a component to a registry, as the ecosystem's tools fetch it, and signs it if a key is given.
    #[command(
        after_help = "Example:\n  lockstep plugin publish minio.wasm oci://registry.example/acme/minio:1.2.0 --key cosign.key"
    )]
    Publish(PublishArguments),
    /// Lists what would run: in one environment, or in every one.
    #[command(after_help = "Example:\n  lockstep plugin list -e production")]
    List,
}
