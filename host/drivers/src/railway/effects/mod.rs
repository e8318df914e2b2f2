//! Effects on the environment: what stands there, sending, settling, and following to the end.

mod backup;
mod compare;
mod configure;
mod conversion;
mod deploy;
mod dispatch;
mod keepers;
mod ran;
mod restart;
mod restore;
mod revert;
mod service;
mod staging;
mod stop;
mod variables;
mod volume;

pub(crate) use dispatch::is_railway;
