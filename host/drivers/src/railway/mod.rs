//! Railway: typed documents, reads, and effects with their settling. Every request names the environment.

mod claim;
mod client;
mod conversion;
mod deployment;
mod documents;
mod effects;
mod estate;
mod gateway;
mod logs;
mod reads;
mod registry;
mod service_settings;
mod staged;
mod template;
mod variables;
mod wire;

pub(crate) use client::{Deadline, chain};
pub use documents::documents;
pub(crate) use effects::is_railway;
pub(crate) use estate::spoken;
pub(crate) use gateway::Railway;
pub(crate) use registry::Registry;
pub use service_settings::input as settings_input;
