//! What one source said of a component.

use jiff::Timestamp;
use lockstep_engine::model::Digest;
use serde::{Deserialize, Serialize};

use crate::signature::{Encoded, Signature};
use crate::source::Source;

/// The version of the format.
const VERSION: u32 = 1;

/// What one source said of a component when it was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    pub(crate) source: Source,
    pub(crate) manifest: Option<Digest>,
    pub(crate) created: Option<Timestamp>,
    /// The manifest's bytes, which are left out of the signatures over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact: Option<Encoded>,
    pub(crate) signatures: Vec<Signature>,
}

impl Record {
    pub(crate) fn new(
        source: Source,
        manifest: Option<Digest>,
        created: Option<Timestamp>,
        signatures: Vec<Signature>,
    ) -> Self {
        Self { version: VERSION, source, manifest, created, artifact: None, signatures }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut kept = self.clone();
        kept.artifact = kept.signatures.iter_mut().find_map(|it| it.manifest().cloned());
        for signature in &mut kept.signatures {
            if let Some(manifest) = signature.manifest()
                && Some(&*manifest) == kept.artifact.as_ref()
            {
                *manifest = Encoded::default();
            }
        }
        serde_json::to_vec(&kept).expect("texts, numbers and lists always serialize")
    }

    /// Reads a record of this format; what another version of Lockstep wrote is nothing to this one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let record = serde_json::from_slice::<Self>(bytes).ok();
        let mut record = record.filter(|record| record.version == VERSION)?;
        if let Some(artifact) = record.artifact.take() {
            let manifests = record.signatures.iter_mut().filter_map(Signature::manifest);
            for manifest in manifests.filter(|manifest| **manifest == Encoded::default()) {
                *manifest = artifact.clone();
            }
        }
        Some(record)
    }
}
