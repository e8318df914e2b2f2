//! In place of Railway's own runner in the image of a cluster's nodes: it starts Patroni, watches it, and ends with it.
//!
//! Patroni and the server are real. Patroni lets go of the server that it starts, so that the server outlives it; in a
//! container both end with the runner, and here the runner sees to that.

mod error;
mod leader;
mod orphan;
mod run;

pub use self::error::RunnerError;
pub(crate) use self::run::{CONFIGURATION_VARIABLE, DATA_VARIABLE, PROGRAM_VARIABLE, run};
