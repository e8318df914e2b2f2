//! Figures of what this process does, in the text format that Prometheus scrapes.
//!
//! They are taken where records become durable, so that they tell of what happened and not of what was tried. They are kept
//! in memory, for as long as the process lives.

mod journal;
mod registry;
mod serve;
mod state;

pub(crate) use journal::Measured;
pub(crate) use registry::Metrics;
pub(crate) use serve::{bind, serve};
pub(crate) use state::State;
