//! What came from a source.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use lockstep_engine::model::Digest;

use crate::signature::{PublicKey, Signature, SignatureError, signer};

/// A component's bytes and what their source says of them.
///
/// `digest` is always that of `bytes`. Everything else is what somebody said: signatures prove something once
/// [`Fetched::signer`] has verified them, the time never does.
#[derive(Clone)]
pub struct Fetched {
    /// The SHA-256 of the component.
    pub digest: Digest,
    /// The component.
    pub bytes: Bytes,
    /// The OCI manifest through which it came, if it came through one.
    pub manifest: Option<Digest>,
    /// When it was published, as the publisher says.
    pub created: Option<Timestamp>,
    /// The signatures that are published beside it, none of them verified.
    pub signatures: Vec<Signature>,
}

impl Fetched {
    /// Returns the name of the first of `keys` whose owner signed exactly these bytes. Asks nobody.
    ///
    /// # Errors
    /// There is no signature, or none by these keys over these bytes.
    pub fn signer<'k>(&self, keys: &'k [(String, PublicKey)]) -> Result<&'k str, SignatureError> {
        signer(&self.signatures, &self.bytes, &self.digest, keys)
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Fetched")
            .field("digest", &self.digest)
            .field("bytes", &self.bytes.len())
            .field("manifest", &self.manifest)
            .field("created", &self.created)
            .field("signatures", &self.signatures.len())
            .finish()
    }
}
