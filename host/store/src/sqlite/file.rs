//! The handle on a store's file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::folder::Place;
use super::open::{OpenError, OpenOptions, connect, ensure};
use super::writer::Writer;
use crate::error::StoreError;

/// A handle on the store in one folder; clones share one writer.
///
/// Looks answer at once, from the last committed state. Dropping the last clone waits for the changes that were handed
/// over.
#[derive(Clone, Debug)]
pub(crate) struct File {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    writer: Writer,
    reader: Mutex<Connection>,
    place: Arc<Place>,
    path: PathBuf,
}

impl File {
    pub(crate) fn open(folder: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let path = ensure(folder, options)?;
        let failed = |source| OpenError::Store { path: path.clone(), source };
        let place = Place::of(path.clone())
            .map_err(|source| OpenError::Folder { path: path.clone(), source })?;
        let place = Arc::new(place);
        let reader = connect(&path, options).map_err(failed)?;
        reader.pragma_update(None, "query_only", true).map_err(|error| failed(error.into()))?;
        let connection = connect(&path, options).map_err(failed)?;
        let writer = Writer::start(connection, Arc::clone(&place), options.patience)
            .map_err(OpenError::Writer)?;
        Ok(Self { shared: Arc::new(Shared { writer, reader: Mutex::new(reader), place, path }) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(crate) fn commits(&self) -> u64 {
        self.shared.writer.commits()
    }

    pub(crate) fn inspect(&self) -> Result<(), StoreError> {
        let found = self.look(|connection| {
            let found = connection
                .query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
            Ok::<_, StoreError>(found?)
        })?;
        if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
    }

    /// Runs `look` on the last committed state.
    pub(crate) fn look<T, E: From<StoreError>>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.shared.place.check()?;
        // A look that panicked has left nothing behind in a connection that only reads.
        look(&self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes `change` durable; see [`Writer::make`].
    pub(crate) async fn change<T, E, F>(&self, change: F) -> Result<Result<T, E>, StoreError>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&Connection) -> Result<Result<T, E>, StoreError> + Send + 'static,
    {
        self.shared.writer.make(change).await
    }

    pub(crate) fn setting(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        self.look(|connection| {
            Ok(connection.query_row(
                "SELECT value FROM settings WHERE name = ?1",
                [name],
                |row| row.get(0),
            )?)
        })
    }
}
