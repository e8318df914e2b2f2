//! A store in a PostgreSQL schema, for teams and runners.

mod blob;
mod chain;
mod connect;
mod detached;
mod error;
mod lease;
mod memo;
mod retention;
mod run;
mod schema;
mod server;
mod session;
mod tls;
mod writer;

pub use connect::{Access, ConnectError};
pub(crate) use server::Server;
