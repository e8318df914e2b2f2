//! Tokens and what they may do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rights {
    /// Read and change.
    Full,
    /// Read; each mutation is answered with "Not Authorized".
    ReadOnly,
}

/// The header that a token is sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Header {
    /// `Project-Access-Token`, never Bearer.
    ProjectAccessToken,
    /// `Authorization: Bearer`, for account and workspace tokens.
    Bearer,
}

/// A token of the lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) header: Header,
    pub(crate) rights: Rights,
    pub(crate) created_at: Timestamp,
}
