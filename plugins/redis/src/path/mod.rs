//! The paths from one version to another, and which of them is taken.

mod choose;
mod draft;
mod migrate;
mod parts;
mod patch;
mod version_step;

pub(crate) use choose::{Lineage, Path, choose};
pub(crate) use draft::plan;
pub(crate) use migrate::going_back;
