//! Bytes by their digest: plans, plugins and resolved configuration, kept as they were at approval.

use lockstep_engine::model::Digest;
use rusqlite::OptionalExtension;

use crate::error::StoreError;
use crate::store::Store;

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
        let kept = self.change(move |connection| {
            let mut select = connection.prepare_cached("SELECT bytes = ?2 FROM blobs WHERE digest = ?1")?;
            let same: Option<bool> = select.query_row((digest.to_string(), &bytes), |row| row.get(0)).optional()?;
            if same != Some(true) {
                connection
                    .prepare_cached(
                        "INSERT INTO blobs VALUES (?1, ?2) ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes",
                    )?
                    .execute((digest.to_string(), &bytes))?;
            }
            Ok(Ok::<_, std::convert::Infallible>(()))
        });
        match kept.await? {
            Ok(()) => Ok(digest),
            Err(never) => match never {},
        }
    }

    /// Returns the bytes whose digest is `digest`, and proves that they are.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let bytes: Option<Vec<u8>> = self
            .look(|connection| {
                let mut select =
                    connection.prepare_cached("SELECT bytes FROM blobs WHERE digest = ?1")?;
                Ok::<_, StoreError>(
                    select.query_row([digest.to_string()], |row| row.get(0)).optional()?,
                )
            })
            .map_err(|source| BlobError::Store { digest: *digest, source })?;
        let bytes = bytes.ok_or(BlobError::Missing(*digest))?;
        let found = Digest::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(BlobError::Damaged { wanted: *digest, found })
        }
    }
}
