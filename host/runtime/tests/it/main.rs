//! The runtime with a real component.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod cached;
mod desk;
mod limits;
mod loading;
mod world;
