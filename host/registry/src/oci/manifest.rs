//! The manifest of an artifact that holds one WebAssembly component, as the ecosystem publishes it.

use std::collections::BTreeMap;

use lockstep_engine::model::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Fault;

/// A manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A list of manifests.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The configuration of an artifact that holds a component.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// A component.
pub(crate) const COMPONENT: &str = "application/wasm";

/// When an artifact was made.
pub(crate) const CREATED: &str = "org.opencontainers.image.created";

/// More than any artifact of one layer needs.
pub(crate) const MOST_MANIFEST: u64 = 1 << 20;

/// A manifest. Others may add what they like to theirs, so unknown keys are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A part of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Index {
    pub(crate) manifests: Vec<IndexEntry>,
}

/// A manifest in a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IndexEntry {
    pub(crate) digest: Digest,
    pub(crate) artifact_type: Option<String>,
}

/// What a manifest says that it is: a list has neither layers nor a configuration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    media_type: Option<String>,
}

impl Descriptor {
    /// Describes `bytes`.
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }

    /// Checks that `bytes` are what is described.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Fault> {
        let (found, length) = (Digest::of(bytes), bytes.len() as u64);
        if length != self.size {
            return Err(Fault::Length { expected: self.size, found: length });
        }
        if found != self.digest {
            return Err(Fault::Mismatch { expected: self.digest, found });
        }
        Ok(())
    }
}

impl Manifest {
    /// Makes a manifest.
    pub(crate) fn new(
        config: Descriptor,
        layers: Vec<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let media_type = Some(MANIFEST.to_owned());
        Self { schema_version: 2, media_type, config, layers, annotations }
    }

    /// Reads a manifest.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let wrong_type = |found: String| Fault::Type { what: "it", found, needed: MANIFEST };
        let malformed = |error: serde_json::Error| Fault::Malformed(error.to_string());
        let kind: Kind = serde_json::from_slice(bytes).map_err(malformed)?;
        match kind.media_type {
            Some(found) if found != MANIFEST => return Err(wrong_type(found)),
            Some(_) | None => {}
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        if manifest.schema_version != 2 {
            return Err(wrong_type(format!("a manifest of version {}", manifest.schema_version)));
        }
        Ok(manifest)
    }

    /// Returns the layer that is the component.
    pub(crate) fn component(&self) -> Result<&Descriptor, Fault> {
        let wrong =
            |what, found: &str, needed| Err(Fault::Type { what, found: found.to_owned(), needed });
        if self.config.media_type != CONFIG {
            return wrong("its configuration", &self.config.media_type, CONFIG);
        }
        match self.layers.as_slice() {
            [layer] if layer.media_type == COMPONENT => Ok(layer),
            [layer] => wrong("its layer", &layer.media_type, COMPONENT),
            layers => {
                Err(Fault::Malformed(format!("it has {} layers, expected one", layers.len())))
            }
        }
    }

    /// The bytes to be published.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists always serialize")
    }
}
