//! The handle on a store.

use std::path::Path;

use secrecy::SecretBox;

use crate::error::StoreError;
use crate::sqlite::{File, OpenError, OpenOptions};

/// A handle on a store; clones share its writer and its connections.
///
/// Changes are durable when their future returns, and looks see everything that was committed before they were asked for.
/// A change whose future is dropped half-way is made whole or not at all.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) backend: Backend,
}

/// Where a store is kept.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    /// In a file of this machine.
    Sqlite(File),
}

impl Store {
    /// Opens the store in `folder`, and makes both if they are missing.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, OpenOptions::default())
    }

    /// Opens the store in `folder` with other options than the usual ones.
    pub fn open_with(folder: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        Ok(Self { backend: Backend::Sqlite(File::open(folder, options)?) })
    }

    /// Returns where the store is, for people: never with a password.
    pub fn place(&self) -> String {
        match &self.backend {
            Backend::Sqlite(file) => file.path().display().to_string(),
        }
    }

    /// Returns the store's own id, by which a claim on an environment tells stores apart.
    pub async fn id(&self) -> Result<String, StoreError> {
        let bytes = self.setting("id").await?;
        String::from_utf8(bytes)
            .map_err(|error| StoreError::Damaged(format!("its id is no text: {error}")))
    }

    /// Returns the key of the fingerprints that stand for secret values. Everybody who uses the same store has the same
    /// key, and nobody else should: with it, guesses of a secret can be tried against its fingerprint.
    pub async fn fingerprint_key(&self) -> Result<SecretBox<[u8; 32]>, StoreError> {
        let key =
            <[u8; 32]>::try_from(self.setting("fingerprint-key").await?).map_err(|found| {
                StoreError::Damaged(format!("its key has {} bytes instead of 32", found.len()))
            })?;
        Ok(SecretBox::new(Box::new(key)))
    }

    /// Returns how many transactions this handle and its clones have committed.
    pub fn commits(&self) -> u64 {
        match &self.backend {
            Backend::Sqlite(file) => file.commits(),
        }
    }

    /// Reads a store's whole file for damage, which takes as long as reading it.
    pub async fn inspect(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.inspect(),
        }
    }

    async fn setting(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.setting(name),
        }
    }
}
