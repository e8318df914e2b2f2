//! Bytes by their digest: plans, plugins and resolved configuration, kept as they were at approval.

use lockstep_engine::model::Digest;

use crate::error::StoreError;
use crate::store::{Backend, Store};

/// Why bytes were not returned.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// They were never put there.
    #[error("{0} is not in the store")]
    Missing(Digest),
    /// They are not what was put there.
    #[error("the bytes kept as {wanted} are {found}: the store is damaged")]
    Damaged {
        /// What was asked for.
        wanted: Digest,
        /// What the bytes are.
        found: Digest,
    },
    /// The store failed.
    #[error("could not read {digest}")]
    Store {
        /// What was asked for.
        digest: Digest,
        /// Why.
        source: StoreError,
    },
}

impl Store {
    /// Keeps `bytes` and returns their digest. Keeping them again changes nothing, and repairs damaged ones.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Digest, StoreError> {
        let digest = Digest::of(&bytes);
        match &self.backend {
            Backend::Sqlite(file) => file.put(digest, bytes).await?,
            Backend::Postgres(server) => server.put(digest, bytes).await?,
        }
        Ok(digest)
    }

    /// Returns the bytes whose digest is `digest`, and proves that they are.
    pub async fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let kept = match &self.backend {
            Backend::Sqlite(file) => file.get(digest),
            Backend::Postgres(server) => server.get(digest).await,
        };
        let bytes = kept
            .map_err(|source| BlobError::Store { digest: *digest, source })?
            .ok_or(BlobError::Missing(*digest))?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(BlobError::Damaged { wanted: *digest, found })
        }
    }
}
