//! What a plugin imports, one file for each interface of the contract.
//!
//! Each function is an adapter: it puts the plugin's words into the engine's, asks, and puts the answer back. None
//! decides anything; words that the engine does not have are refused before anybody is asked.

mod ask;
mod effects;
mod http;
mod http_effects;
mod log;
mod railway;
mod railway_effects;
mod redis;
mod redis_effects;
mod sql;
mod sql_effects;
