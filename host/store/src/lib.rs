//! Keeps journals, leases and plugin bytes in one SQLite file, so that a run survives `kill -9` at any instant.
//!
//! [`Store`] is a handle on the file; one writer thread for each handle's family commits everybody's changes in
//! groups, and several processes may have the same file open. What is in a record, and what may follow it, is the
//! engine's business; this crate only refuses what does not follow.

mod append;
mod blob;
mod chain;
mod error;
mod folder;
mod holder;
mod lease;
mod memo;
mod open;
mod run;
mod schema;
mod store;
mod writer;

pub use blob::BlobError;
pub use chain::RecordsError;
pub use error::StoreError;
pub use folder::FILE_NAME;
pub use holder::{Holder, HolderError, Presence};
pub use lease::{Holding, Lease, LeaseError, LostLease, Takeover};
pub use open::{OpenError, OpenOptions};
pub use run::{BeginRunError, CreateRunError, FindRunError, NewRun, RunSummary};
pub use store::Store;
