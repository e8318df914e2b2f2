//! What was fetched, kept by its digest on this machine.
//!
//! `sha256/ab/cdef…` is a component. `told/abcdef…/0123…` is what one source said of it: its signatures and when it was
//! published. Both are named after the hash of their content, so several processes that write at once write the same, nothing
//! is ever overwritten, and whatever no longer is what its name says is moved to `corrupt/`.

mod folder;
mod record;
mod shelf;

pub(crate) use record::Record;
pub(crate) use shelf::{Cache, Loaded};
