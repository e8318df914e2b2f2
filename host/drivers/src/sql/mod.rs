//! PostgreSQL: reads that can't write, and effects whose fate the server can tell.
//!
//! A read is parsed here, checked against the catalogue, and run in a read-only transaction under a role that may only
//! read. Each wall would let something through by itself: a view hides a function from the parser, and a read-only
//! transaction of a superuser may still end sessions.

mod admit;
mod canary;
mod catalogue;
mod compare;
mod copy_schema;
mod copy_sequences;
mod effect;
mod fence;
mod harmless;
mod hold;
mod index_builds;
mod index_queue;
mod indexes;
mod job;
mod lock;
mod names;
mod proof;
mod read;
mod schema;
mod session;
mod snapshots;
mod tools;
mod transfer;
mod value;

pub(crate) use effect::Composed;
pub(crate) use hold::Block;
pub(crate) use session::{Databases, Session};
pub(crate) use tools::Tools;
