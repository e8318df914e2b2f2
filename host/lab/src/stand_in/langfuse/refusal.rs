//! Why a migration did not go on.

use super::{super::database::DatabaseError, clickhouse::ClickHouseError};

/// Why a migration did not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A database is not there, and may yet come.
    Away(String),
    /// Trying again is of no use.
    Final(String),
}

impl Refusal {
    /// What a process that is killed leaves behind says nothing; this is said in its place.
    pub(super) fn killed(migration: &str) -> Self {
        Self::Final(format!(
            "lab: a fault killed the process in the middle of migration `{migration}`"
        ))
    }
}

/// What PostgreSQL said while `doing` something.
pub(super) fn of_database(doing: &str, error: DatabaseError) -> Refusal {
    let text = format!("{doing}: {}", error.cause());
    match error {
        // These classes tell of connections and of a server that starts or stops.
        DatabaseError::Postgres(error)
            if error.code().is_some_and(|code| {
                !["08", "53", "57"].iter().any(|class| code.code().starts_with(class))
            }) =>
        {
            Refusal::Final(text)
        }
        DatabaseError::Postgres(_) | DatabaseError::Slow => Refusal::Away(text),
    }
}

/// What ClickHouse said while `doing` something.
pub(super) fn of_clickhouse(doing: &str, error: &ClickHouseError) -> Refusal {
    let text = format!("{doing}: {error}");
    match error {
        ClickHouseError::Away(_) => Refusal::Away(text),
        ClickHouseError::Refused { .. } => Refusal::Final(text),
    }
}
