//! What the store promises, against the real file, a real PostgreSQL and real processes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod append;
mod blob;
mod child;
mod connect;
mod crash;
mod damage;
mod detached;
mod expiry;
mod export;
mod folder;
mod full;
mod group;
mod lease;
mod race;
mod retention;
mod run;
mod server;
mod support;
mod verify;
