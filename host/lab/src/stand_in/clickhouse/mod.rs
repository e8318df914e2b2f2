//! The stand-in for ClickHouse's server: its HTTP interface in front of SQLite.
//!
//! It takes a small part of ClickHouse's language: what Langfuse's migrations say, and what is asked of the tables that they make. What it
//! does not know it refuses, and says that it is a stand-in.

mod alter;
mod answer;
mod column;
mod engine;
mod functions;
mod question;
mod server;
mod statement;
mod tables;
mod words;

pub(crate) use self::server::{FOLDER_VARIABLE, run};
