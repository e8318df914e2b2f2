//! Loads, limits and calls WebAssembly plugins.
//!
//! A [`Runtime`] exists once in a process. It turns a component's bytes into a [`Plugin`], which is the engine's
//! [`Guest`](lockstep_engine::run::Guest): each call runs in a fresh instance under [`Limits`], and what the instance
//! asks for goes to the engine's [`Host`](lockstep_engine::run::Host). Nothing here decides what a plugin may do, and
//! nothing here touches the network.

mod bindings;
mod cache;
mod component;
mod contract;
mod convert;
mod error;
mod guest;
mod imports;
mod inspect;
mod instance;
mod limits;
mod seed;
mod slot;
mod stderr;
mod ticker;
mod trap;
mod wasi;

pub use component::{Plugin, Runtime};
pub use error::{InspectError, LoadError, RuntimeError};
pub use inspect::{Inspection, Interface, inspect};
pub use limits::Limits;
