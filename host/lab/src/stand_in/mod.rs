//! Stand-ins for what can't run on a developer's machine.
//!
//! A stand-in answers the real health and version endpoints, says in every answer that it is none of the real thing,
//! and really reads and writes the databases that its own variables name, so that a wrong variable breaks it as it
//! would break the real one. It does nothing else: no model is called, no trace is shown, no backup is made.

mod backup_service;
mod cache;
pub(crate) mod clickhouse;
mod database;
mod endpoint;
mod health_monitor;
mod kind;
pub(crate) mod langfuse;
pub(crate) mod litellm;
pub(crate) mod migration_job;
pub(crate) mod minio;
pub(crate) mod patroni_runner;
mod prisma;
pub(crate) mod repmgr;
mod run;
mod server;
mod settings;
mod signature;

pub use self::{
    kind::Kind,
    langfuse::MigrationFault,
    litellm::MODEL,
    migration_job::MigrationFailed,
    patroni_runner::RunnerError,
    repmgr::NodeError,
    run::{StandInError, run},
    settings::{ADDRESS_VARIABLE, BOOT_VARIABLE, IMAGE_VARIABLE, VERSION_VARIABLE},
};

pub(crate) use self::settings::version_of;

#[cfg(test)]
mod tests;
