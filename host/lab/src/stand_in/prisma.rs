//! The history that Prisma keeps of its migrations.

use super::database::{Database, DatabaseError};
use crate::identity;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _prisma_migrations (id varchar(36) PRIMARY KEY, \
    checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, \
    rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)";
const IS_APPLIED: &str = "SELECT count(*) FROM _prisma_migrations \
    WHERE migration_name = $1 AND finished_at IS NOT NULL AND rolled_back_at IS NULL";
const UNFINISHED: &str = "SELECT coalesce(min(migration_name), '') FROM _prisma_migrations \
    WHERE finished_at IS NULL AND rolled_back_at IS NULL";
const BEGUN: &str = "INSERT INTO _prisma_migrations (id, checksum, migration_name) \
    VALUES (gen_random_uuid()::text, $1, $2)";
const ENDED: &str = "UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 \
    WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL";

/// A database's history, whose table is there.
pub(crate) struct History<'d>(&'d Database);

impl<'d> History<'d> {
    /// The history, whose table is made if need be.
    pub(crate) async fn of(database: &'d Database) -> Result<Self, DatabaseError> {
        database.batch(TABLE).await?;
        Ok(Self(database))
    }

    pub(crate) async fn is_applied(&self, name: &str) -> Result<bool, DatabaseError> {
        Ok(self.0.number(IS_APPLIED, &[&name]).await? > 0)
    }

    /// A migration that was begun and neither ended nor was declared rolled back, whichever application's it is.
    pub(crate) async fn unfinished(&self) -> Result<Option<String>, DatabaseError> {
        let row = self.0.row(UNFINISHED).await?;
        let name: String = row.try_get(0)?;
        Ok(Some(name).filter(|name| !name.is_empty()))
    }

    /// Notes that a migration begins.
    pub(crate) async fn begin(&self, name: &str, statements: &str) -> Result<(), DatabaseError> {
        let checksum = identity::hex(&[statements]);
        self.0.execute(BEGUN, &[&checksum, &name]).await.map(drop)
    }

    /// Notes that it ended.
    pub(crate) async fn end(&self, name: &str) -> Result<(), DatabaseError> {
        self.0.execute(ENDED, &[&name]).await.map(drop)
    }
}
