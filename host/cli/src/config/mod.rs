//! `lockstep.toml`: the document as written, and what it means for one environment.

mod document;
mod resolve;

pub(crate) use document::{Document, EnvironmentDocument};
pub(crate) use resolve::{choose, on_failure, settings, token};
