//! How much becomes durable in a second, beside SQLite's own single commits on the same disk.

mod appends;
mod crowd;
mod effects;
mod outside;
mod postgres;
mod prepared;
mod shape;
mod sqlite;

pub(crate) use appends::appends;
pub(crate) use crowd::{crowd, crowd_of};
pub(crate) use effects::effects;

/// The peer's name.
const PEER: &str = "SQLite's single commits";

/// Runs at once.
const MANY: usize = 64;
