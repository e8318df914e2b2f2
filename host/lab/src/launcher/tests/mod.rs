//! Launchers against the real servers that `cargo xtask setup` brings.

mod cluster;
mod end;
pub(crate) mod harness;
mod images;
mod patroni;
mod pgpool;
mod postgres;
mod redis;
