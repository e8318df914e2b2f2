//! Plugins as this folder has them: which one is meant, whether its bytes are those that were agreed to, and what it may do.

mod candidate;
mod checked;
mod installed;
mod loaded;
mod sources;

pub(crate) use candidate::{Ask, Candidate};
pub(crate) use checked::{beyond, one, proven};
pub(crate) use loaded::{Loaded, Origin, granted, load};
pub(crate) use sources::{keys, registry, unfetched};
