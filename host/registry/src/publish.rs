//! What is published, and what came of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lockstep_engine::model::Digest;

use crate::error::RegistryError;
use crate::oci::manifest::CREATED;
use crate::source::OciSource;

/// The version of what is in an artifact.
const VERSION: &str = "org.opencontainers.image.version";

/// What an artifact says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotations {
    /// When it is published; a minimum age counts from here.
    pub created: Timestamp,
    /// The plugin's version.
    pub version: Option<String>,
    /// Anything else, such as `org.opencontainers.image.source`.
    pub others: BTreeMap<String, String>,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The component.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Digest,
    /// Where it is found for ever, whatever becomes of the tag.
    pub exact: OciSource,
    /// The manifest that the tag led to before, if it was another.
    pub replaced: Option<Digest>,
    /// Whether a signature stands beside it.
    pub signed: bool,
}

impl Annotations {
    /// Says when it is published, and nothing else.
    pub fn at(created: Timestamp) -> Self {
        Self { created, version: None, others: BTreeMap::new() }
    }

    /// Returns everything as one map.
    pub(crate) fn to_map(&self) -> Result<BTreeMap<String, String>, RegistryError> {
        let mut map = self.others.clone();
        let ours = [(CREATED, Some(self.created.to_string())), (VERSION, self.version.clone())];
        for (name, value) in ours {
            if map.contains_key(name) {
                return Err(RegistryError::Annotation(name.to_owned()));
            }
            map.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(map)
    }
}
