//! The runtime with a real component.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever a test does not expect fails it")]

mod answers;
mod cached;
mod desk;
mod foreign;
mod limits;
mod loading;
mod world;
