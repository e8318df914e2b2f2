//! Redis: reads of a fixed table, a look at every key, and single commands as effects.
//!
//! A standalone server is what this is tested against. A Sentinel's master is looked up before dialling. A Cluster's
//! node is spoken to as it is: `MOVED` is an answer, and the look at every key is refused, because it would see a part.

mod admit;
mod canary;
mod client;
mod config;
mod content;
mod effect;
mod fence;
mod keyspace;
mod nodes;
mod read;
mod sample;

pub(crate) use client::{Open, Servers};
