//! Loading and calling a plugin, beside the same with wasmtime alone.

mod alone;
mod call;
mod instance;
mod load;

pub(crate) use call::call;
pub(crate) use instance::instance;
pub(crate) use load::load;

/// The peer's name.
const PEER: &str = "wasmtime alone";
