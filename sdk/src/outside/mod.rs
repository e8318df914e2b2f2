//! What a plugin reads, as traits, so that its logic can be tested against scripted answers.
//!
//! One trait for each capability. Call them through generics, never through `dyn`: a function that no code path calls then
//! stays out of the component's imports, and the list of imports keeps saying what the plugin can ask for.

mod effects;
mod http;
mod live;
mod perform;
mod railway;
mod redis;
mod sql;

pub use effects::Effects;
pub use http::Http;
pub use live::Live;
pub use perform::Perform;
pub use railway::Railway;
pub use redis::{Redis, info, second, text, whole};
pub use sql::Sql;
