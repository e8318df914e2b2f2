//! A node of Bitnami's PostgreSQL cluster: a real server, and beside it a small stand-in for repmgr's daemon.
//!
//! repmgr itself is packaged for one major version of PostgreSQL only. What it does for the image is done here in its
//! place: who is primary is asked of the partners, a node that joins is cloned from the primary, each standby has a
//! slot there, and of the standbys that a lost primary leaves the one that received most is promoted. `PgPool` has no
//! part in any of this, as in the image: it looks for the new primary by itself.

mod cluster;
mod configuration;
mod data;
mod decision;
mod error;
mod partner;
mod run;
mod server;

pub use self::error::NodeError;
pub(crate) use self::{
    cluster::{BASE_BACKUP_VARIABLE, BIN_VARIABLE, DATA_VARIABLE},
    run::run,
};
