//! What may go wrong with Langfuse's migrations.

use serde::{Deserialize, Serialize};

use super::super::settings::Settings;

/// The variable by which the lab has a fault happen in a process.
pub(crate) const FAULT_VARIABLE: &str = "LOCKSTEP_LAB_MIGRATION_FAULT";

/// How a migration of Langfuse goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationFault {
    /// The web service ends in the middle of its first migration of PostgreSQL, whose row stays unfinished.
    PostgresKilled,
    /// The web service ends in the middle of its first migration of ClickHouse, which stays dirty.
    ClickhouseKilled,
    /// The worker does one part of its first background migration and no more, as if that had been ten minutes ago.
    BackgroundStalls,
    /// The worker's first background migration fails.
    BackgroundFails,
}

impl MigrationFault {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::PostgresKilled,
        Self::ClickhouseKilled,
        Self::BackgroundStalls,
        Self::BackgroundFails,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PostgresKilled => "postgres-killed",
            Self::ClickhouseKilled => "clickhouse-killed",
            Self::BackgroundStalls => "background-stalls",
            Self::BackgroundFails => "background-fails",
        }
    }

    /// Finds the fault with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// The fault that this process is to have.
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        settings.get(FAULT_VARIABLE).and_then(Self::named)
    }
}
