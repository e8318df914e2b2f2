//! The stand-ins for Langfuse: its web service and its worker.

mod queue;
mod web;
mod worker;

pub(crate) use self::{web::run as run_web, worker::run as run_worker};
