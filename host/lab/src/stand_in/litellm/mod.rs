//! The stand-in for `LiteLLM`: its proxy, and the job that migrates its database.

mod migration;
mod proxy;
mod virtual_key;

pub(crate) use self::{
    migration::{DROPS_VARIABLE, run as migrate},
    proxy::run,
};
pub use proxy::MODEL;
