//! The handle on a store.

use std::path::Path;

use secrecy::SecretBox;

use crate::error::StoreError;
use crate::postgres::{Access, ConnectError, Server};
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
    /// In a schema of a PostgreSQL database.
    Postgres(Server),
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

    /// Opens the store in a schema of a PostgreSQL database. Makes the schema if it is missing, and migrates it if it is
    /// older; of several processes that do so at once one does and the others wait.
    ///
    /// What is acknowledged is on the server's disk: `synchronous_commit` is set to `on` for every session unless the
    /// server has it stricter, and a server with `fsync = off`, a standby and a database that is not in UTF-8 are refused.
    ///
    /// The schema holds what is sensitive: the key of the fingerprints that stand for secret values (table `settings`),
    /// the names of everything that was upgraded, and what will be. It should belong to a role of its own that is no
    /// superuser and that nobody but Lockstep uses, with a password that can be changed alone; the role needs `CREATE` on
    /// the database once, to make the schema, or else the schema made for it by its owner. Never keep it in a database
    /// that Lockstep moves.
    pub async fn connect(access: Access) -> Result<Self, ConnectError> {
        Ok(Self { backend: Backend::Postgres(Server::connect(access).await?) })
    }

    /// Returns where the store is, for people: never with a password.
    pub fn place(&self) -> String {
        match &self.backend {
            Backend::Sqlite(file) => file.path().display().to_string(),
            Backend::Postgres(server) => server.place().to_owned(),
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
            Backend::Postgres(server) => server.commits(),
        }
    }

    /// Reads a store's whole file for damage, which takes as long as reading it. A PostgreSQL server looks after its own
    /// files: of it only an answer is wanted.
    pub async fn inspect(&self) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.inspect(),
            Backend::Postgres(server) => server.setting("id").await.map(drop),
        }
    }

    async fn setting(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.setting(name),
            Backend::Postgres(server) => server.setting(name).await,
        }
    }
}
