//! What a statement asks for, in words that SQLite understands.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::{
    column::Column,
    words::{Word, quoted, words},
};

mod parser;

use parser::Parser;

/// Why a statement is not carried out, as ClickHouse numbers and names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: u16,
    pub(super) name: &'static str,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: u16, name: &'static str, reason: &str) -> Self {
        Self { status, code, name, reason: reason.to_owned() }
    }

    pub(super) fn syntax(reason: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 62, "SYNTAX_ERROR", &format!("Syntax error: {reason}"))
    }

    /// What the real one may well know.
    pub(super) fn unknown(what: &str) -> Self {
        let reason = format!("this is a stand-in of `lockstep lab`, which does not know {what}");
        Self::new(StatusCode::NOT_IMPLEMENTED, 48, "NOT_IMPLEMENTED", &reason)
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    /// SQL that SQLite answers, and the format that the answer is wanted in.
    Read {
        sql: String,
        format: Option<String>,
    },
    Create {
        table: Table,
        if_not_exists: bool,
    },
    Drop {
        name: String,
        if_exists: bool,
    },
    Truncate {
        name: String,
        if_exists: bool,
    },
    Insert {
        table: String,
        columns: Option<Vec<String>>,
        rows: Rows,
    },
    Delete {
        table: String,
        condition: String,
    },
    Alter {
        table: String,
        actions: Vec<Action>,
    },
    /// What changes nothing that can be asked for: how rows are laid out.
    Nothing,
}

/// A table or a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) engine: String,
    /// Which row of several with the same key counts, and which column says that it is deleted.
    pub(super) replacing: Option<Replacing>,
    /// What rows are ordered by, in SQL.
    pub(super) key: String,
    /// Kinds of its indices.
    pub(super) indices: Vec<String>,
}

/// What `ReplacingMergeTree` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replacing {
    pub(super) version: Option<String>,
    pub(super) deleted: Option<String>,
}

/// Rows to insert.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rows {
    /// `VALUES` or a `SELECT`, in SQL.
    Sql(String),
    Json(Vec<Map<String, Value>>),
}

/// A part of `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AddColumn {
        column: Column,
        if_not_exists: bool,
    },
    DropColumn {
        name: String,
        if_exists: bool,
    },
    ModifyColumn(Column),
    /// An index of this kind, which nobody sees but a version that does not know it.
    AddIndex(String),
    Nothing,
    Delete(String),
}

/// Reads a statement that is meant for `database`.
pub(super) fn statement(text: &str, database: &str) -> Result<Statement, Refusal> {
    const FORMAT: &str = "format jsoneachrow";
    let lower = text.to_ascii_lowercase();
    if lower.trim_start().starts_with("insert")
        && let Some((before, _)) = lower.split_once(FORMAT)
        && !before.contains("values")
    {
        // Lower case of ASCII is as long as it was.
        let (head, rest) = text.split_at(before.len());
        let data = rest.get(FORMAT.len()..).unwrap_or_default();
        let mut parser = Parser::new(words(head)?, database);
        let (table, columns) = parser.insert_into()?;
        return Ok(Statement::Insert { table, columns, rows: Rows::Json(json_rows(data)?) });
    }
    let mut words = words(text)?;
    while words.last().is_some_and(|last| last.is_sign(';')) {
        words.pop();
    }
    if words.iter().any(|word| word.is_sign(';')) {
        return Err(Refusal::syntax("Multi-statements are not allowed"));
    }
    Parser::new(words, database).statement()
}

fn json_rows(data: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
    let refused = |error: &dyn std::fmt::Display| {
        let reason = format!("Cannot parse input: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, 27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", &reason)
    };
    let rows = serde_json::Deserializer::from_str(data).into_iter::<Map<String, Value>>();
    rows.collect::<Result<_, _>>().map_err(|error| refused(&error))
}

/// Writes words as SQLite reads them: without the database's own name, and with a name for what `FINAL` shows of a table.
pub(super) fn sql(words: &[Word], database: &str) -> String {
    let mut written = Vec::new();
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        let mut table = word;
        if let [Word::Sign('.'), named, after @ ..] = rest
            && let (Some(of), Some(name)) = (word.name(), named.name())
            && (of == "system" || of == database)
        {
            rest = after;
            if of == "system" {
                written.push(quoted(&format!("system.{name}")));
                continue;
            }
            table = named;
        }
        if let (Some(name), [next, after @ ..]) = (table.name(), rest)
            && next.is("FINAL")
        {
            rest = after;
            written.push(final_name(name));
        } else {
            written.push(table.sql());
        }
    }
    written.join(" ")
}

/// The view that shows of a table's rows those that count, in quotes.
pub(super) fn final_name(table: &str) -> String {
    quoted(&format!("{table} final"))
}

#[cfg(test)]
mod tests;
