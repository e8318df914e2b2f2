//! What statements do to tables.

use axum::http::StatusCode;
use rusqlite::{
    Connection, Error, OptionalExtension as _, params, params_from_iter, types::Value as Kept,
};
use serde_json::{Map, Value};

use super::{
    column::Column,
    engine::Answer,
    statement::{Refusal, Rows, Statement, Table, final_name},
    words::quoted,
};

/// The tables, for one statement.
pub(super) struct Tables<'c> {
    pub(super) connection: &'c Connection,
    pub(super) version: &'c str,
}

impl Tables<'_> {
    pub(super) fn carry_out(&self, statement: Statement) -> Result<Answer, Refusal> {
        match statement {
            Statement::Read { sql, .. } => return self.read(&sql),
            Statement::Create { table, if_not_exists } => {
                if self.has(&table.name)? {
                    return done_if(if_not_exists, || already(&table.name));
                }
                self.create(&table)?;
            }
            Statement::Drop { name, if_exists } => {
                if !self.has(&name)? {
                    return done_if(if_exists, || missing(&name));
                }
                self.run(&format!("DROP VIEW IF EXISTS {}", final_name(&name)))?;
                self.run(&format!("DROP TABLE {}", quoted(&name)))?;
                for of in [
                    "DELETE FROM lab_tables WHERE name = ?1",
                    "DELETE FROM lab_columns WHERE \"table\" = ?1",
                ] {
                    self.set(of, &[&name])?;
                }
            }
            Statement::Truncate { name, if_exists } => {
                if !self.has(&name)? {
                    return done_if(if_exists, || missing(&name));
                }
                self.run(&format!("DELETE FROM {}", quoted(&name)))?;
            }
            Statement::Insert { table, columns, rows } => {
                self.insert(&table, columns.as_deref(), rows)?;
            }
            Statement::Delete { table, condition } => self.delete(&table, &condition)?,
            Statement::Alter { table, actions } => {
                self.need(&table)?;
                for action in actions {
                    self.alter(&table, action)?;
                }
            }
            Statement::Nothing => {}
        }
        Ok(Answer::default())
    }

    fn create(&self, table: &Table) -> Result<(), Refusal> {
        for kind in &table.indices {
            self.knows_index(kind)?;
        }
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|it| format!("{} {} DEFAULT {}", quoted(&it.name), it.declared(), it.absent()))
            .collect();
        // SQLite has no table without a column.
        let columns =
            if columns.is_empty() { "lab_none TEXT".to_owned() } else { columns.join(", ") };
        self.run(&format!("CREATE TABLE {} ({columns})", quoted(&table.name)))?;
        for column in &table.columns {
            self.describe(&table.name, column)?;
        }
        let (version, deleted) = table
            .replacing
            .as_ref()
            .map_or((None, None), |it| (it.version.as_deref(), it.deleted.as_deref()));
        let values = params![
            table.name,
            table.engine,
            table.key,
            table.replacing.is_some(),
            version,
            deleted
        ];
        self.connection
            .execute("INSERT INTO lab_tables VALUES (?1, ?2, ?3, ?4, ?5, ?6)", values)
            .map_err(|error| refusal(&error))?;
        self.show_final(&table.name)
    }

    /// Makes the view anew that shows of several rows with one key the newest, unless that says that it is deleted.
    pub(super) fn show_final(&self, table: &str) -> Result<(), Refusal> {
        let described = self.connection.query_row(
            "SELECT \"key\", version, deleted FROM lab_tables WHERE name = ?1 AND replaces",
            [table],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, Option<String>>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            },
        );
        let Some((key, version, deleted)) =
            described.optional().map_err(|error| refusal(&error))?
        else {
            return Ok(());
        };
        let columns: Vec<String> =
            self.columns(table)?.iter().map(|(name, _)| quoted(name)).collect();
        let newest =
            version.map_or_else(String::new, |column| format!("{} DESC, ", quoted(&column)));
        let deleted =
            deleted.map_or_else(String::new, |column| format!("AND {} = 0", quoted(&column)));
        let (view, columns) = (final_name(table), columns.join(", "));
        self.run(&format!(
            "DROP VIEW IF EXISTS {view}; CREATE VIEW {view} AS SELECT {columns} FROM (SELECT *, row_number() OVER \
             (PARTITION BY {key} ORDER BY {newest}rowid DESC) AS lab_nth FROM {}) WHERE lab_nth = 1 {deleted}",
            quoted(table)
        ))
    }

    fn insert(&self, table: &str, columns: Option<&[String]>, rows: Rows) -> Result<(), Refusal> {
        self.need(table)?;
        match rows {
            Rows::Sql(rows) => {
                let names: Vec<String> =
                    columns.unwrap_or_default().iter().map(|name| quoted(name)).collect();
                let names = if names.is_empty() {
                    String::new()
                } else {
                    format!("({})", names.join(", "))
                };
                self.run(&format!("INSERT INTO {} {names} {rows}", quoted(table)))
            }
            Rows::Json(rows) => {
                let known = self.columns(table)?;
                rows.iter().try_for_each(|row| self.insert_json(table, &known, row))
            }
        }
    }

    fn insert_json(
        &self,
        table: &str,
        known: &[(String, String)],
        row: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        if let Some(unknown) = row.keys().find(|key| known.iter().all(|(name, _)| name != *key)) {
            let reason = format!("Unknown field found while parsing JSONEachRow format: {unknown}");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, 117, "INCORRECT_DATA", &reason));
        }
        // What is null where nothing may be absent is as if it were not given.
        let given = row.iter().filter(|(_, value)| !value.is_null());
        let (names, values): (Vec<String>, Vec<Kept>) =
            given.map(|(name, value)| (quoted(name), kept(value))).unzip();
        let sql = if names.is_empty() {
            format!("INSERT INTO {} DEFAULT VALUES", quoted(table))
        } else {
            let marks = vec!["?"; names.len()].join(", ");
            format!("INSERT INTO {} ({}) VALUES ({marks})", quoted(table), names.join(", "))
        };
        let done = self.connection.execute(&sql, params_from_iter(values));
        done.map(drop).map_err(|error| refusal(&error))
    }

    pub(super) fn delete(&self, table: &str, condition: &str) -> Result<(), Refusal> {
        self.need(table)?;
        self.run(&format!("DELETE FROM {} WHERE {condition}", quoted(table)))
    }

    pub(super) fn describe(&self, table: &str, column: &Column) -> Result<(), Refusal> {
        let insert = "INSERT INTO lab_columns SELECT ?1, 1 + (SELECT count(*) FROM lab_columns WHERE \"table\" = ?1), ?2, ?3, ?4";
        self.set(insert, &[table, &column.name, &column.kind, &column.absent()])
    }

    pub(super) fn has(&self, table: &str) -> Result<bool, Refusal> {
        Ok(self.names()?.iter().any(|name| name == table))
    }

    pub(super) fn need(&self, table: &str) -> Result<(), Refusal> {
        if self.has(table)? { Ok(()) } else { Err(missing(table)) }
    }

    pub(super) fn names(&self) -> Result<Vec<String>, Refusal> {
        let names = self.connection.prepare("SELECT name FROM lab_tables").and_then(|mut asked| {
            asked.query_map([], |row| row.get(0)).and_then(Iterator::collect)
        });
        names.map_err(|error| refusal(&error))
    }

    /// Names and types of a table's columns.
    pub(super) fn columns(&self, table: &str) -> Result<Vec<(String, String)>, Refusal> {
        let asked = "SELECT name, kind FROM lab_columns WHERE \"table\" = ?1 ORDER BY position";
        let columns = self.connection.prepare(asked).and_then(|mut asked| {
            asked
                .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))
                .and_then(Iterator::collect)
        });
        columns.map_err(|error| refusal(&error))
    }

    pub(super) fn set(&self, sql: &str, values: &[&str]) -> Result<(), Refusal> {
        let done = self.connection.execute(sql, params_from_iter(values));
        done.map(drop).map_err(|error| refusal(&error))
    }

    pub(super) fn run(&self, sql: &str) -> Result<(), Refusal> {
        self.connection.execute_batch(sql).map_err(|error| refusal(&error))
    }
}

/// Says that something was done already where the statement allows that, or refuses.
pub(super) fn done_if(allowed: bool, refused: impl Fn() -> Refusal) -> Result<Answer, Refusal> {
    if allowed { Ok(Answer::default()) } else { Err(refused()) }
}

fn missing(table: &str) -> Refusal {
    let reason = format!("Table {table} does not exist");
    Refusal::new(StatusCode::NOT_FOUND, 60, "UNKNOWN_TABLE", &reason)
}

fn already(table: &str) -> Refusal {
    let reason = format!("Table {table} already exists");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 57, "TABLE_ALREADY_EXISTS", &reason)
}

/// A value of JSON as SQLite keeps it.
fn kept(value: &Value) -> Kept {
    match value {
        Value::Null => Kept::Null,
        Value::Bool(yes) => Kept::Integer(i64::from(*yes)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Kept::Integer(whole),
            (None, Some(real)) => Kept::Real(real),
            (None, None) => Kept::Null,
        },
        Value::String(text) => Kept::Text(text.clone()),
        Value::Array(_) | Value::Object(_) => Kept::Text(value.to_string()),
    }
}

/// What SQLite refuses, as ClickHouse would say it.
pub(super) fn refusal(error: &Error) -> Refusal {
    let said = error.to_string();
    let named = |before: &str| {
        let (_, rest) = said.split_once(before)?;
        Some(rest.split(" in ").next().unwrap_or(rest).to_owned())
    };
    if let Some(table) = named("no such table: ") {
        return match table.strip_suffix(" final") {
            Some(table) => {
                let reason = format!("Storage of {table} doesn't support FINAL");
                Refusal::new(StatusCode::BAD_REQUEST, 181, "ILLEGAL_FINAL", &reason)
            }
            None => missing(&table),
        };
    }
    if let Some(column) = named("no such column: ").or_else(|| named("has no column named ")) {
        let reason = format!("Unknown expression or function identifier `{column}`");
        return Refusal::new(StatusCode::NOT_FOUND, 47, "UNKNOWN_IDENTIFIER", &reason);
    }
    if let Some(function) = named("no such function: ") {
        return Refusal::unknown(&format!("the function `{function}`"));
    }
    Refusal::syntax(&format!("{said}; this is a stand-in of `lockstep lab`, in front of SQLite"))
}
