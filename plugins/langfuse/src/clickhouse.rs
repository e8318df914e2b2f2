//! What ClickHouse answers over HTTP, where a `GET` may change nothing whatever its query says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lockstep_sdk::Failure;
use lockstep_sdk::outside::Http;
use lockstep_sdk::text::tame;
use lockstep_sdk::version::numbers;

use crate::database::DROPPED;
use crate::names::CLICKHOUSE;
use crate::shape::Shape;

/// How much of an error is shown.
const SHOWN: usize = 240;

/// What is said of the server itself.
pub(crate) const SERVER: &str = "SELECT version(), timezone()";

/// Whether there is a history.
pub(crate) const HAS_HISTORY: &str = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_migrations'";

/// Where the history stands.
pub(crate) const HISTORY: &str =
    "SELECT version, dirty FROM schema_migrations ORDER BY sequence DESC LIMIT 1";

/// Every column of every table.
pub(crate) const COLUMNS: &str = "SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, name";

/// Returns the paths of all that is ever asked, for the grant: each query in full, of whichever database. The host admits no second
/// query behind it.
pub(crate) fn reads() -> Vec<String> {
    let counts = DROPPED.map(|(_, table)| counted(table));
    let fixed = [SERVER, HAS_HISTORY, HISTORY, COLUMNS].map(str::to_owned);
    fixed.iter().chain(&counts).map(|query| path(query, "*")).collect()
}

/// Where the history of its migrations stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Migrated {
    /// The newest migration that was begun.
    pub(crate) version: i64,
    /// Whether it never ended.
    pub(crate) dirty: bool,
}

/// The server and what Langfuse has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    /// The server's version, as it writes it.
    pub(crate) version: String,
    /// Its time zone.
    pub(crate) timezone: String,
    /// Where the history stands; none where there is none.
    pub(crate) migrated: Option<Migrated>,
}

impl Inside {
    /// Reads it.
    pub(crate) fn read<O: Http>(outside: &O, database: &str) -> Result<Self, Failure> {
        let server = ask(outside, SERVER, database)?;
        let column = |index: usize| {
            server.first().and_then(|row| row.get(index)).cloned().ok_or_else(|| unreadable(SERVER))
        };
        let (version, timezone) = (column(0)?, column(1)?);
        Ok(Self { version, timezone, migrated: migrated(outside, database)? })
    }

    /// Returns whether the server is at least this year's and month's.
    pub(crate) fn is_at_least(&self, year: u64, month: u64) -> bool {
        numbers(&self.version).is_some_and(|it| it.numbers.as_slice() >= [year, month].as_slice())
    }
}

/// Returns the query that counts what is in a table, each row once however often it was written.
pub(crate) fn counted(table: &str) -> String {
    format!("SELECT uniqExact(id) FROM {table} WHERE is_deleted = 0")
}

/// Asks where the history of migrations stands.
pub(crate) fn migrated<O: Http>(outside: &O, database: &str) -> Result<Option<Migrated>, Failure> {
    if number(outside, HAS_HISTORY, database)? == 0 {
        return Ok(None);
    }
    let rows = ask(outside, HISTORY, database)?;
    let Some(row) = rows.first() else { return Ok(None) };
    match row.as_slice() {
        [version, dirty] => {
            let version = version.parse().ok();
            let dirty = ["0", "1", "false", "true"].iter().position(|known| known == dirty);
            let (Some(version), Some(dirty)) = (version, dirty) else {
                return Err(unreadable(HISTORY));
            };
            Ok(Some(Migrated { version, dirty: dirty % 2 == 1 }))
        }
        _ => Err(unreadable(HISTORY)),
    }
}

/// Asks for tables and columns. What a view keeps for itself is left out: it goes with the view.
pub(crate) fn shape<O: Http>(outside: &O, database: &str) -> Result<Shape, Failure> {
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for row in ask(outside, COLUMNS, database)? {
        let [table, name] = row.as_slice() else { return Err(unreadable(COLUMNS)) };
        if table.starts_with(".inner") {
            continue;
        }
        let columns = tables.entry(table.clone()).or_default();
        if !columns.is_empty() {
            columns.push(',');
        }
        columns.push_str(name);
    }
    Ok(Shape(tables))
}

/// Asks how many rows a table has.
pub(crate) fn count<O: Http>(outside: &O, database: &str, table: &str) -> Result<u64, Failure> {
    number(outside, &counted(table), database)
}

fn number<O: Http>(outside: &O, query: &str, database: &str) -> Result<u64, Failure> {
    let rows = ask(outside, query, database)?;
    let text = rows.first().and_then(|row| row.first());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| unreadable(query))
}

/// Asks, and reads the answer's lines and columns.
fn ask<O: Http>(outside: &O, query: &str, database: &str) -> Result<Vec<Vec<String>>, Failure> {
    let answer = outside.get(CLICKHOUSE, &path(query, database))?;
    let text = String::from_utf8_lossy(&answer.body);
    match answer.status {
        200 => Ok(text.lines().map(|line| line.split('\t').map(plain).collect()).collect()),
        status => {
            let words = format!("ClickHouse answered {status}: {}", tame(&text, SHOWN));
            Err(if matches!(status, 502..=504) {
                Failure::transiently("clickhouse:answer", words)
            } else {
                Failure::permanently("clickhouse:answer", words)
            })
        }
    }
}

/// Returns the path that asks a query of a database.
pub(crate) fn path(query: &str, database: &str) -> String {
    let mut path = "/?query=".to_owned();
    for byte in query.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a text can't fail.
            let _written = write!(path, "%{byte:02X}");
        }
    }
    path + "&database=" + database
}

/// Takes back how ClickHouse writes what would end a column or a line.
fn plain(text: &str) -> String {
    text.replace("\\'", "'").replace("\\t", "\t").replace("\\n", "\n").replace("\\\\", "\\")
}

fn unreadable(query: &str) -> Failure {
    Failure::permanently(
        "clickhouse:answer",
        format!("ClickHouse's answer to `{query}` is not of the known form"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_query_is_granted_in_full_and_nothing_but_the_database_is_open() {
        let reads = reads();
        assert_eq!(reads.len(), 4 + DROPPED.len());
        for read in &reads {
            assert!(
                read.starts_with("/?query=SELECT%20") && read.ends_with("&database=*"),
                "{read}"
            );
            assert!(!read.contains("..") && !read.contains("//"), "{read}");
            assert_eq!(read.matches('*').count(), 1, "{read}");
        }
        assert!(reads.contains(&path(HISTORY, "*")));
        assert!(path(HISTORY, "default").ends_with("LIMIT%201&database=default"));
    }

    #[test]
    fn versions_go_by_year_and_month() {
        let inside = |version: &str| Inside {
            version: version.to_owned(),
            timezone: "UTC".to_owned(),
            migrated: None,
        };
        assert!(inside("24.10.1.2").is_at_least(24, 3));
        assert!(!inside("24.8.4.13").is_at_least(25, 12));
        assert!(inside("26.4.1.1").is_at_least(25, 12));
        assert!(!inside("new").is_at_least(24, 3));
    }
}
