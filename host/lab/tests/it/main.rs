//! The lab's promises, tested through Railway's API against real processes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stdout, reason = "a test tells what it skips")]

mod api;
mod cluster;
mod daemon;
mod deployments;
mod documents;
mod faults;
mod in_place;
mod langfuse;
mod migration;
mod overlap;
mod patches;
mod registry;
mod setup;
mod stack;
mod variables;
mod volumes;
