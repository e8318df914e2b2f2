//! Whole processes: `lockstep plan` on a real lab, beside `terraform plan`.

mod lab;
mod plan;
mod process;
mod terraform;

pub(crate) use plan::plan;
pub(crate) use process::run;
pub(crate) use terraform::{ABSENT, Terraform};
