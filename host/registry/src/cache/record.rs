//! What one source said of a component.

use jiff::Timestamp;
use lockstep_engine::model::Digest;
use serde::{Deserialize, Serialize};

use crate::signature::Signature;
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
    pub(crate) signatures: Vec<Signature>,
}

impl Record {
    pub(crate) fn new(
        source: Source,
        manifest: Option<Digest>,
        created: Option<Timestamp>,
        signatures: Vec<Signature>,
    ) -> Self {
        Self { version: VERSION, source, manifest, created, signatures }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists always serialize")
    }

    /// Reads a record of this format; what another version of Lockstep wrote is nothing to this one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|record| record.version == VERSION)
    }
}
