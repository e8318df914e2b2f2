//! The plugin's logic against a stack that answers from memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod declared;
mod found;
mod plans;
mod stack;
mod steps;
