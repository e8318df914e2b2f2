//! Keeps journals, leases and plugin bytes, so that a run survives `kill -9` at any instant.
//!
//! [`Store`] is a handle on a SQLite file of this machine, or on a schema of a PostgreSQL database. One writer for each handle's family commits everybody's changes
//! in groups, and several processes may use the same store. What is in a record, and what may follow it, is the engine's
//! business; this crate only refuses what does not follow.

mod append;
mod blob;
mod chain;
mod detached;
mod error;
mod export;
mod flaw;
mod holder;
mod lease;
mod memo;
mod postgres;
mod retention;
mod run;
mod sqlite;
mod store;
mod verify;

pub use blob::BlobError;
pub use chain::RecordsError;
pub use detached::DetachError;
pub use error::StoreError;
pub use export::{Export, ExportError, verify_export};
pub use flaw::Flaw;
pub use holder::{Holder, HolderError, Presence};
pub use lease::{Holding, LEASE_LIFE, Lease, LeaseError, LostLease, Takeover};
pub use postgres::{Access, ConnectError};
pub use retention::{Pruned, PrunedRun};
pub use run::{BeginRunError, CreateRunError, FindRunError, NewRun, RunSummary};
pub use sqlite::{FILE_NAME, OpenError, OpenOptions, prepare_folder};
pub use store::Store;
pub use verify::Verified;
