//! The plan: its phases, each in a file, put together in `draft`.

mod back;
mod cluster;
mod copy;
mod cut;
mod draft;
mod finish;
mod job;
mod parts;
mod passage;
mod pins;
mod prepare;
mod rearm;
mod retire;
mod switch;

pub(crate) use draft::{bare, of_steps, plan, refused};
pub(crate) use pins::published;
