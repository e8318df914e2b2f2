//! Whole processes: `lockstep plan` on a real lab, beside `terraform plan`.

mod lab;
mod plan;
mod process;
mod terraform;

pub(crate) use lab::Lab;
pub(crate) use plan::plan;
pub(crate) use process::{Whole, run};
pub(crate) use terraform::{ABSENT, Terraform};
