//! A service with its one instance: source, settings, variables.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Membership;

/// A service of the environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) instance_id: String,
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) source: Source,
    /// What was set explicitly, under Railway's names (`healthcheckPath`, `drainingSeconds`, …).
    pub(crate) settings: Map<String, Value>,
    pub(crate) variables: BTreeMap<String, Variable>,
    /// The port that the public domain leads to, where the service has one.
    pub(crate) public_port: Option<u16>,
    pub(crate) proxies: Vec<TcpProxy>,
    /// Its place in a cluster, where it has one.
    #[serde(default)]
    pub(crate) cluster: Option<Membership>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Where a service's image comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) image: Option<String>,
    pub(crate) repo: Option<String>,
}

/// A variable's text, with its references unrendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Variable {
    pub(crate) value: String,
    /// A sealed value never comes back from the API.
    pub(crate) sealed: bool,
}

/// A public TCP proxy to one port of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TcpProxy {
    pub(crate) id: String,
    pub(crate) application_port: u16,
}

impl Variable {
    pub(crate) fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), sealed: false }
    }
}

impl Service {
    pub(crate) fn number(&self, setting: &str) -> Option<u64> {
        self.settings.get(setting).and_then(Value::as_u64)
    }
}

impl Source {
    pub(crate) fn is_empty(&self) -> bool {
        self.image.is_none() && self.repo.is_none()
    }
}
