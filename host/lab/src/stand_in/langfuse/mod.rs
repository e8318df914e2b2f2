//! The stand-ins for Langfuse: its web service and its worker.
//!
//! Where the lab says so, they have tables and migrate them as the real ones do, with tables of the real names cut down to what somebody reads
//! or writes here. Elsewhere traces are in a table of the lab's own, and nothing is
//! uploaded to S3.

mod background;
mod bucket;
mod clickhouse;
mod clickhouse_schema;
mod fault;
mod keys;
mod queue;
mod refusal;
mod requirements;
mod schema;
mod start;
mod store;
mod web;
mod worker;

pub use self::fault::MigrationFault;
pub(crate) use self::{
    fault::FAULT_VARIABLE, store::TABLES_VARIABLE, web::run as run_web, worker::run as run_worker,
};
