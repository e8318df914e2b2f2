//! What the registry promises, against a real registry, against servers that lie, and with several processes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it is skipped"
)]

mod cache;
mod lies;
mod published;
mod signed;
mod support;
mod web;
mod wkg;
