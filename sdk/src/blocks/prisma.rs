//! The history that Prisma keeps of a schema's migrations.

use crate::Failure;
use crate::answer;
use crate::outside::Sql;
use crate::quote::TableName;
use crate::text::tame;

/// The table that holds it, by the same name in every application.
pub const HISTORY: &str = "_prisma_migrations";

/// How much of a migration's name and of its log is shown.
const SHOWN: usize = 300;

/// A migration that was begun and never ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unended {
    /// Its name.
    pub name: String,
    /// The beginning of what it logged; empty where it logged nothing.
    pub log: String,
}

impl Unended {
    /// Returns it in one line that is fit to be shown.
    pub fn line(&self) -> String {
        let (name, log) = (tame(&self.name, SHOWN), tame(&self.log, SHOWN));
        if log.is_empty() { name } else { format!("{name}: {log}") }
    }
}

/// Returns the history's whole name in a schema.
pub fn history(schema: &str) -> TableName {
    TableName { schema: schema.to_owned(), table: HISTORY.to_owned() }
}

/// Returns the query for the migrations that were begun and never ended.
pub fn unended_query(schema: &str) -> String {
    format!(
        "SELECT m.migration_name::text, left(coalesce(m.logs, ''), 400)::text FROM {} m \
         WHERE m.finished_at IS NULL AND m.rolled_back_at IS NULL ORDER BY 1",
        history(schema)
    )
}

/// Returns the query for the names of the migrations that ended well.
pub fn ended_query(schema: &str) -> String {
    format!(
        "SELECT m.migration_name::text FROM {} m WHERE m.finished_at IS NOT NULL AND m.rolled_back_at IS NULL ORDER BY 1",
        history(schema)
    )
}

/// Asks for the migrations that were begun and never ended.
pub fn unended<O: Sql>(
    outside: &O,
    connection: &str,
    schema: &str,
) -> Result<Vec<Unended>, Failure> {
    let rows = answer::rows(outside, connection, &unended_query(schema), &[])?;
    rows.iter()
        .map(|row| Ok(Unended { name: row.text(0)?.to_owned(), log: row.text(1)?.to_owned() }))
        .collect()
}

/// Asks for the names of the migrations that ended well.
pub fn ended<O: Sql>(outside: &O, connection: &str, schema: &str) -> Result<Vec<String>, Failure> {
    answer::texts(outside, connection, &ended_query(schema), &[])
}
