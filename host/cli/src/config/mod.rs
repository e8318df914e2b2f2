//! `lockstep.toml`: the document as written, and what it means for one environment.

mod dialled;
mod document;
#[cfg(test)]
mod readme;
mod resolve;
mod store;

pub(crate) use dialled::{Dialled, dialled};
pub(crate) use document::{Document, EnvironmentDocument};
pub(crate) use resolve::{choose, connections, endpoints, on_failure, settings, token};
pub(crate) use store::access;
