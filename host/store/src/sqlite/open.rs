//! Opening a store: made whole if it is not there, migrated if it is older, refused if it is anything else.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep_engine::model::Digest;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::folder::{self, FILE_NAME};
use super::schema;
use crate::error::StoreError;

/// After how many pages the log is written back, 16 MiB: most of them are the same few pages again, so four times SQLite's own
/// figure writes back little more, and keeps an effect from waiting for it three times out of four.
const CHECKPOINT: u32 = 4000;

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// How long to wait for another process that holds the write lock.
    pub patience: Duration,
    /// The most pages of 4 KiB that the file may grow to; none for no limit.
    pub max_pages: Option<u32>,
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file in it can't be made or reached.
    #[error("could not prepare `{path}` for the store", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may write in the folder.
    #[error("`{path}` can be written by others (mode {mode:o}): make it yours with `chmod 700`", path = path.display())]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The folder belongs to another user.
    #[error("`{path}` belongs to another user: run lockstep as its owner, or in another folder", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// What stands there is not a store.
    #[error("`{path}` is not a store of lockstep: {why}", path = path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer version of lockstep wrote it.
    #[error(
        "`{path}` has version {found}, and this lockstep knows up to {known}: use the newer lockstep",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The newest version that this code knows.
        known: i64,
    },
    /// The system gave no randomness for the new store's id and key.
    #[error("could not get randomness for a new store: {0}")]
    Randomness(getrandom::Error),
    /// The writer could not be started.
    #[error("could not start the store's writer")]
    Writer(#[source] io::Error),
    /// The file can't be used.
    #[error("could not open the store `{path}`", path = path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { patience: Duration::from_secs(10), max_pages: None }
    }
}

/// Makes sure that a usable store stands in `folder`, and returns its path.
pub(crate) fn ensure(folder: &Path, options: OpenOptions) -> Result<PathBuf, OpenError> {
    folder::prepare_folder(folder)?;
    let path = folder.join(FILE_NAME);
    if is_missing(&path)? {
        // A log without its file would be replayed into the new file and ruin it.
        let log = folder.join(format!("{FILE_NAME}-wal"));
        if !is_missing(&log)? && is_missing(&path)? {
            let why = format!("`{}` is there without its database", log.display());
            return Err(OpenError::NotAStore { path, why });
        }
        create(folder, options)?;
    }
    folder::close_file(&path)?;
    let failed = |source| OpenError::Store { path: path.clone(), source };
    if fs::metadata(&path).map_err(|source| OpenError::Folder { path: path.clone(), source })?.len()
        == 0
    {
        return Err(OpenError::NotAStore { path, why: "it is empty".to_owned() });
    }
    let mut connection = connect(&path, options).map_err(failed)?;
    inspect(&connection, &path)?;
    upgrade(&mut connection).map_err(failed)?;
    Ok(path)
}

/// Opens a connection for one user at a time, with everything that durability rests on set.
pub(crate) fn connect(path: &Path, options: OpenOptions) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.patience)?;
    connection.set_prepared_statement_cache_capacity(64);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Failed(format!(
            "SQLite keeps the journal mode `{mode}` here instead of `wal`"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_row| Ok(()))?;
    }
    Ok(connection)
}

fn is_missing(path: &Path) -> Result<bool, OpenError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(source) => Err(OpenError::Folder { path: path.to_owned(), source }),
    }
}

fn inspect(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed =
        |error: rusqlite::Error| OpenError::Store { path: path.to_owned(), source: error.into() };
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if application != schema::APPLICATION_ID {
        return Err(OpenError::NotAStore {
            path: path.to_owned(),
            why: "another program made it".to_owned(),
        });
    }
    let (found, known) = (schema::version(connection).map_err(failed)?, schema::newest());
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    // Reading the schema makes SQLite compare the file's length with its header, which shows a truncated file.
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map_err(failed)?;
    Ok(())
}

fn upgrade(connection: &mut Connection) -> Result<(), StoreError> {
    if schema::version(connection)? < schema::newest() {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::migrate(&transaction)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Makes a store beside its place and puts it there whole, so that nobody ever sees half of one.
fn create(folder: &Path, options: OpenOptions) -> Result<(), OpenError> {
    let mut random = [0; 56];
    getrandom::fill(&mut random).map_err(OpenError::Randomness)?;
    let (names, key) = random.split_at(24);
    let (nonce, id) = names.split_at(8);
    let name = |bytes: &[u8]| Digest::of(bytes).digits().chars().take(32).collect::<String>();
    let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
    let draft = folder::draft(folder, &name(nonce)).map_err(failed)?;
    let filled = fill(&draft, &name(id), key, options);
    if let Err(source) = filled {
        fs::remove_file(&draft).map_err(failed)?;
        return Err(OpenError::Store { path: folder.join(FILE_NAME), source });
    }
    folder::publish(&draft, folder).map_err(failed)
}

fn fill(draft: &Path, id: &str, key: &[u8], options: OpenOptions) -> Result<(), StoreError> {
    let mut connection = connect(draft, options)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    schema::migrate(&transaction)?;
    transaction.execute("INSERT INTO settings VALUES ('id', ?1)", [id.as_bytes()])?;
    transaction.execute("INSERT INTO settings VALUES ('fingerprint-key', ?1)", [key])?;
    transaction.commit()?;
    // Closing the last connection moves the log into the file, which is then all there is.
    connection.close().map_err(|(_connection, error)| error.into())
}
