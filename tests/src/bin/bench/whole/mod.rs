//! Whole processes on a real lab: `lockstep plan` beside `terraform plan`, a move of a database beside copies of it.

mod copies;
mod killed;
mod lab;
mod moving;
mod plan;
mod process;
mod scene;
mod terraform;

pub(crate) use killed::killed;
pub(crate) use lab::Lab;
pub(crate) use moving::{front, moving};
pub(crate) use plan::plan;
pub(crate) use process::{Whole, run};
pub(crate) use terraform::{ABSENT, Terraform};
