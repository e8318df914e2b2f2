//! Verifying: a whole run read record by record, with everything that it rests on.

use lockstep_engine::journal::Head;
use lockstep_engine::model::{Digest, RunId};

use crate::blob::BlobError;
use crate::chain::{RecordsError, Walk};
use crate::flaw::Flaw;
use crate::store::Store;

/// A run that is what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The run.
    pub run: RunId,
    /// Where its journal ends.
    pub head: Head,
    /// How many blobs it rests on, such as its plan and its plugin.
    pub attachments: usize,
}

impl Store {
    /// Reads a run's records and blobs, and returns the first thing that is not what was written.
    ///
    /// A chain shows neither that its end was cut off nor that all of it was written anew. `known`, the digest of a head
    /// that was once told elsewhere, shows both up to there: some record must have it.
    ///
    /// # Errors
    /// [`RecordsError::Flaw`] says which record or blob, and what about it.
    pub async fn verify(
        &self,
        run: &RunId,
        known: Option<&Digest>,
    ) -> Result<Verified, RecordsError> {
        let kept = self.kept(run).await?.ok_or_else(|| RecordsError::NoRun(run.clone()))?;
        let mut walk = Walk::new(run);
        let mut seen = known.is_none();
        for kept in &kept {
            walk.step(kept)?;
            seen |= known == Some(&walk.head().digest);
        }
        if let Some(wanted) = known.filter(|_| !seen) {
            return Err(Flaw::Head { run: run.clone(), wanted: *wanted }.into());
        }
        let attachments = self.attachments(run).await?;
        for (role, digest) in &attachments {
            let (run, role) = (run.clone(), role.clone());
            match self.get(digest).await {
                Ok(_) => {}
                Err(BlobError::Missing(digest)) => {
                    return Err(Flaw::NoBlob { run, role, digest }.into());
                }
                Err(BlobError::Damaged { wanted: digest, found }) => {
                    return Err(Flaw::ChangedBlob { run, role, digest, found }.into());
                }
                Err(BlobError::Store { source, .. }) => return Err(source.into()),
            }
        }
        Ok(Verified { run: run.clone(), head: walk.head(), attachments: attachments.len() })
    }

    /// Verifies every run, newest first, and returns the first thing that is not what was written.
    pub async fn verify_all(&self) -> Result<Vec<Verified>, RecordsError> {
        let mut verified = Vec::new();
        for run in self.runs().await? {
            verified.push(self.verify(&run.id, None).await?);
        }
        Ok(verified)
    }
}
