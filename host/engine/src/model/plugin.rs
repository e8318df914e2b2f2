//! What a plugin says of itself and of versions.

use serde::{Deserialize, Serialize};

use super::fact::Value;
use super::time::Moment;
use super::wire::Extra;

/// A version: how people write it and how it sorts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// As people write it.
    pub text: String,
    /// Compared number by number; made by the plugin that owns the component.
    pub order: Vec<u64>,
    /// True for a tag that moves: its order is what all that it may be begin with, if that is known.
    pub floating: bool,
    /// The image's digest.
    pub digest: Option<String>,
}

/// A bound on a component's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The component.
    pub component: String,
    /// This version or newer.
    pub at_least: Option<Version>,
    /// Older than this version.
    pub below: Option<Version>,
}

/// A rule about components together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// When all of these hold …
    pub when: Vec<Bound>,
    /// … and these variables (service, name) have these values …
    pub settings: Vec<(String, String, String)>,
    /// … then all of these must hold.
    pub require: Vec<Bound>,
    /// How grave a breach is.
    pub severity: super::draft::Severity,
    /// Why.
    pub reason: String,
    /// Where it is written.
    pub source: String,
}

/// One thing that a plugin may ask for and an operator may grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grantable {
    /// `sql`, `redis`, `http` or `railway`.
    pub capability: String,
    /// A connection, endpoint or service; `*` for every service.
    pub name: String,
    /// `read`, or the declaring function's name.
    pub access: String,
    /// For HTTP reads: path patterns that change nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Why it is asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What is constant for one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can upgrade.
    pub components: Vec<String>,
    /// What it asks for.
    pub requests: Vec<Grantable>,
    /// Rules across components.
    pub rules: Vec<Rule>,
    /// Components whose upgrade, if planned too, comes before this one's.
    pub after: Vec<String>,
    /// What a later contract adds.
    pub extra: Extra,
}

/// What to plan for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The component.
    pub component: String,
    /// The environment's name.
    pub environment: String,
    /// As the operator typed it; none means the plugin's recommendation.
    pub desired: Option<String>,
    /// The plugin's options of `lockstep.toml`.
    pub options: Vec<(String, String)>,
    /// The moment that the host recorded.
    pub now: Moment,
}

impl Value {
    /// Returns the text, if the value is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Real(_)
            | Self::Decimal(_)
            | Self::Bytes(_)
            | Self::Moment(_)
            | Self::Sealed(_)
            | Self::Other(..) => None,
        }
    }
}
