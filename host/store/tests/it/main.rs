//! What the store promises, against the real file, a real PostgreSQL and real processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod append;
mod blob;
mod child;
mod crash;
mod damage;
mod folder;
mod full;
mod group;
mod lease;
mod race;
mod run;
mod server;
mod support;
