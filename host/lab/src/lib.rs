//! The local twin: Railway's API over real local servers.
//!
//! [`Lab::up`] serves Railway's GraphQL API and a registry on loopback and runs the services of a stack as
//! local processes. Every document that is valid on Railway is answered as Railway would or refused by
//! name. What this crate leaves to others: which process an image stands for is the launcher's,
//! how a stand-in behaves is the stand-in's, and what is printed is the command line's.

mod api;
mod clock;
mod config;
mod control;
pub mod daemon;
mod deploy;
mod faults;
mod identity;
mod lab;
pub mod launcher;
mod litellm;
mod options;
mod program;
pub mod programs;
mod reference;
mod registry;
mod releases;
pub mod sample;
mod stack;
pub mod stand_in;
mod state;
mod status;
mod store;
mod strike;
mod template;
mod twin;
mod volume;

pub use control::{Control, ControlError};
pub use faults::Fault;
pub use lab::{Lab, LabError};
pub use options::Options;
pub use stack::{Stack, StackError, UnknownStack};
pub use stand_in::{MODEL, MigrationFault};
pub use state::{Mutation, Rights};
pub use status::{LabStatus, ServiceStatus};
pub use store::StoreError;
