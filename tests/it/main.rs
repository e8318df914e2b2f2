//! Promises, tested end to end: the real `lockstep`, the lab's API, real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod all;
mod break_glass;
mod broken_guests;
mod composite;
mod contract;
mod doctor;
mod environment;
mod far_side;
mod guests;
mod kit;
mod langfuse;
mod ledger;
mod liars;
mod litellm;
mod lying_steps;
mod many;
mod matrix;
mod moving;
mod paths;
mod plans;
mod plugins;
mod report;
mod rollback;
mod runners;
mod secrets;
mod sections;
mod shown;
mod stage;
mod staging;
mod store;
mod sweep;
mod takeover;
mod tidy;
mod troubles;
mod upgrade;
mod waits;
mod writers;
