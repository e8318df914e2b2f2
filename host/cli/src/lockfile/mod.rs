//! `lockstep.lock`: which bytes of which plugin run in which environment, who agreed to what, and how the file is changed.

mod document;
mod file;

pub(crate) use document::{Entry, LockDocument, Promoted};
pub(crate) use file::{FILE, change, read};
