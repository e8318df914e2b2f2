//! The tables, in SQLite.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, Error, OptionalExtension as _, types::Value as Kept};

use super::{
    functions,
    statement::{Refusal, Statement},
    tables::{Tables, refusal},
};
use crate::programs::numbers;

/// What the stand-in knows of its tables besides what SQLite knows. A column is kept as it is declared to SQLite.
const CATALOGUE: &str = "\
    CREATE TABLE IF NOT EXISTS lab_version (version TEXT NOT NULL); \
    CREATE TABLE IF NOT EXISTS lab_tables (name TEXT PRIMARY KEY, engine TEXT NOT NULL, \"key\" TEXT NOT NULL, \
      replaces INTEGER NOT NULL, version TEXT, deleted TEXT); \
    CREATE TABLE IF NOT EXISTS lab_columns (\"table\" TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, \
      absent TEXT NOT NULL, PRIMARY KEY (\"table\", name))";
/// Tables that outlive the process, if there is a folder for them.
#[derive(Debug)]
pub(super) struct Engine {
    connection: Mutex<Connection>,
    version: String,
}

/// Why the tables can't be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("could not open the stand-in's own tables")]
    Sqlite(#[from] Error),
    #[error(
        "Code: 79. DB::Exception: the data was written by version {by}, and an older one can't read it (INCORRECT_FILE_NAME)"
    )]
    Newer {
        /// That version.
        by: String,
    },
}

/// The answer to a question.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Names and types.
    pub(super) columns: Vec<(String, String)>,
    pub(super) rows: Vec<Vec<Kept>>,
}

impl Engine {
    pub(super) fn open(
        folder: Option<&Path>,
        version: &str,
        database: &str,
    ) -> Result<Self, OpenError> {
        let connection = match folder {
            Some(folder) => Connection::open(folder.join("lab.sqlite"))?,
            None => Connection::open_in_memory()?,
        };
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA case_sensitive_like = ON")?;
        functions::teach(&connection, version, database)?;
        connection.execute_batch(CATALOGUE)?;
        let by: Option<String> = connection
            .query_row("SELECT version FROM lab_version", [], |row| row.get(0))
            .optional()?;
        match by {
            Some(by) if series(&by) > series(version) => return Err(OpenError::Newer { by }),
            Some(_) => connection.execute("UPDATE lab_version SET version = ?1", [version])?,
            None => connection.execute("INSERT INTO lab_version VALUES (?1)", [version])?,
        };
        Ok(Self { connection: Mutex::new(connection), version: version.to_owned() })
    }

    /// The version that the data is kept by.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Carries out a statement, wholly or not at all.
    pub(super) fn carry_out(&self, statement: Statement) -> Result<Answer, Refusal> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction().map_err(|error| refusal(&error))?;
        let answer =
            Tables { connection: &transaction, version: &self.version }.carry_out(statement)?;
        transaction.commit().map_err(|error| refusal(&error))?;
        Ok(answer)
    }
}

/// Year and month, which tell whether two versions keep their data alike.
pub(super) fn series(version: &str) -> Vec<u64> {
    numbers(version).into_iter().take(2).collect()
}
