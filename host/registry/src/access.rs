//! How the sources are reached.

use std::time::Duration;

use crate::credentials::Credentials;

/// How the sources are reached. The default is online, without credentials, within the default limits.
///
/// Plain http is no setting: it is spoken with this machine's loopback, and with nobody else.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Whether only this machine's files and the cache may be used.
    pub offline: bool,
    /// Who asks.
    pub credentials: Credentials,
    /// How much and how long an answer may be.
    pub limits: Limits,
}

/// How much and how long an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest component, in bytes.
    pub component: u64,
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How long one answer may take as a whole, from the request to its last byte.
    pub answer: Duration,
}

impl Limits {
    /// The largest component that is taken if nothing else is said: ten times what a plugin in JavaScript weighs, whose
    /// engine comes with it.
    pub const COMPONENT: u64 = 64 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component: Self::COMPONENT,
            connect: Duration::from_secs(10),
            // The largest component over a line of 2 Mbit/s.
            answer: Duration::from_mins(5),
        }
    }
}
