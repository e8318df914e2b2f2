//! The log of mutations that were carried out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One mutation that the lab carried out, so that a test can assert that something happened once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    /// The mutation's name in Railway's schema, such as `variableUpsert`.
    pub name: String,
    /// The name of the service that it changed, where there is one.
    pub service: Option<String>,
    /// The name of the token that it was sent with.
    pub by: String,
    /// When it was carried out, by the lab's clock.
    pub at: Timestamp,
}
