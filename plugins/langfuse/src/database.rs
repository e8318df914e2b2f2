//! What PostgreSQL holds, as far as a plan rests on it.

use lockstep_sdk::answer;
use lockstep_sdk::blocks::prisma::{self, Unended};
use lockstep_sdk::outside::Sql;
use lockstep_sdk::quote::TableName;
use lockstep_sdk::{Failure, Value};

use crate::background::{self, Migration};
use crate::names::DATABASE;
use crate::shape::Shape;

/// A table that no Langfuse is without: where it is, the others are.
const PROJECTS: &str = "projects";
/// A table that no LiteLLM is without.
const KEYS: &str = "LiteLLM_VerificationToken";
/// The table of what is migrated in the background.
const BACKGROUND: &str = "background_migrations";

/// The tables in which version 2 keeps what version 3 keeps in ClickHouse, with their names there.
pub(crate) const LEGACY: [(&str, &str); 3] =
    [("observations", "observations"), ("scores", "scores"), ("traces", "traces")];

/// The tables that version 4 drops, with their names in ClickHouse: a later version 3 moves those of datasets too.
pub(crate) const DROPPED: [(&str, &str); 4] = [
    ("observations", "observations"),
    ("scores", "scores"),
    ("traces", "traces"),
    ("dataset_run_items", "dataset_run_items_rmt"),
];

/// Schemas in which a table is.
pub(crate) const HOME: &str = "\
    SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1";

/// The server's version as a number, and the database's name.
pub(crate) const SERVER: &str =
    "SELECT current_setting('server_version_num')::int8, current_database()::text";

/// Tables of a schema, and their columns; one that a row can't be written without has a mark.
pub(crate) const COLUMNS: &str = "\
    SELECT c.relname::text, string_agg(a.attname::text || CASE WHEN a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' \
      THEN '!' ELSE '' END, ',' ORDER BY a.attname) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') GROUP BY 1 ORDER BY 1";

/// What a plan reads of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    /// The schemas in which Langfuse's tables are.
    pub(crate) homes: Vec<String>,
    /// The server's version, as `160004`.
    pub(crate) server: u64,
    /// The database's name.
    pub(crate) name: String,
    /// Whether LiteLLM's tables are in the same schema.
    pub(crate) is_shared: bool,
    /// Whether Prisma keeps a history there.
    pub(crate) has_history: bool,
    /// Migrations that were begun and never ended.
    pub(crate) unended: Vec<Unended>,
    /// What is migrated in the background; none where this version has no such table.
    pub(crate) background: Option<Vec<Migration>>,
}

impl Inside {
    /// Reads it.
    pub(crate) fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let homes = answer::texts(outside, DATABASE, HOME, &[PROJECTS.into()])?;
        let server = answer::row(outside, DATABASE, SERVER, &[])?;
        let mut inside = Self {
            homes,
            server: server.count(0)?,
            name: server.text(1)?.to_owned(),
            is_shared: false,
            has_history: false,
            unended: Vec::new(),
            background: None,
        };
        let Some(schema) = inside.schema().map(str::to_owned) else { return Ok(inside) };
        let tables = shape(outside, &schema)?.0;
        inside.is_shared = tables.contains_key(KEYS);
        inside.has_history = tables.contains_key(prisma::HISTORY);
        if inside.has_history {
            inside.unended = prisma::unended(outside, DATABASE, &schema)?;
        }
        if tables.contains_key(BACKGROUND) {
            inside.background = Some(background::read(outside, &schema)?);
        }
        Ok(inside)
    }

    /// Returns the schema, where it is one.
    pub(crate) fn schema(&self) -> Option<&str> {
        if let [schema] = self.homes.as_slice() { Some(schema) } else { None }
    }
}

/// Returns a table's whole name.
pub(crate) fn table(schema: &str, table: &str) -> TableName {
    TableName { schema: schema.to_owned(), table: table.to_owned() }
}

/// Asks for tables and columns.
pub(crate) fn shape<O: Sql>(outside: &O, schema: &str) -> Result<Shape, Failure> {
    let rows = answer::rows(outside, DATABASE, COLUMNS, &[Value::from(schema)])?;
    let pairs = rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())));
    pairs.collect::<Result<_, Failure>>().map(Shape)
}

/// Returns the query that counts a table's rows.
pub(crate) fn counted(schema: &str, name: &str) -> String {
    format!("SELECT count(*) FROM {} t", table(schema, name))
}

/// Asks how many rows a table has.
pub(crate) fn count<O: Sql>(outside: &O, schema: &str, name: &str) -> Result<u64, Failure> {
    answer::row(outside, DATABASE, &counted(schema, name), &[])?.count(0)
}
