//! One file for each command.

mod apply;
mod approve;
mod carry_on;
mod doctor;
mod ended;
#[cfg(test)]
mod examples;
mod export;
mod fits;
mod held;
mod lab;
mod matrix;
mod notices;
mod plan;
mod plugin;
mod prune;
mod queue;
mod railway_toml;
mod report;
mod resume;
mod rollback;
mod runner;
mod runs;
mod show;
mod stages;
mod staging;
mod status;
mod whose;

pub(crate) use apply::apply;
pub(crate) use approve::approve;
pub(crate) use doctor::doctor;
pub(crate) use export::{export, verify_file};
pub(crate) use lab::lab;
pub(crate) use matrix::matrix;
pub(crate) use plan::plan;
pub(crate) use plugin::plugin;
pub(crate) use prune::prune;
pub(crate) use report::report;
pub(crate) use resume::resume;
pub(crate) use rollback::rollback;
pub(crate) use runner::runner;
pub(crate) use runs::runs;
pub(crate) use show::show;
pub(crate) use status::status;
