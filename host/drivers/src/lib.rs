//! SQL, Redis, HTTP and Railway against the real world: the engine's [`lockstep_engine::run::World`].
//!
//! Each capability admits what its far side would not refuse by itself, bounds time, size and count, calls once, and
//! searches what it answers for secrets. Nothing here retries an effect, runs WebAssembly or prints. Beside it, notices tell
//! people how a run came to stand.

mod canary;
mod compose;
mod drivers;
mod http;
mod notify;
mod order;
mod railway;
mod redis;
mod secrets;
mod settings;
mod span;
mod sql;
#[cfg(feature = "otel")]
mod telemetry;
mod tls;
mod via;
mod world;

#[cfg(test)]
mod tests;

pub use drivers::{Drivers, OpenError};
pub use notify::{
    Channel, Notice, Notifier, Occasion, Patience, Recipient, RecipientError, Undelivered,
};
pub use railway::{documents, settings_input};
pub use reqwest::Url;
pub use secrecy::SecretString;
pub use secrets::{Redactor, keeper};
pub use settings::{
    Connection, ConnectionKind, Credential, Endpoint, Held, Now, OperatorSecret, Origin, Place,
    Settings, Ssh, TokenKind, Via,
};
#[cfg(feature = "otel")]
pub use telemetry::{Telemetry, TelemetryError};
