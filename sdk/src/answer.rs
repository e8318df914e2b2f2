//! Asking a database, and reading what it answers by position and type.
//!
//! An answer of another form than expected is a failure, never an empty match.

use crate::outside::Sql;
use crate::{Failure, Value};

/// One row of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(Vec<Value>);

impl Row {
    /// Returns a column that is text.
    pub fn text(&self, index: usize) -> Result<&str, Failure> {
        match self.0.get(index) {
            Some(Value::Text(text) | Value::Decimal(text) | Value::Other((_, text))) => Ok(text),
            Some(other) => Err(unreadable(index, Some(other))),
            None => Err(unreadable(index, None)),
        }
    }

    /// Returns a column that is text or nothing.
    pub fn maybe_text(&self, index: usize) -> Result<Option<&str>, Failure> {
        if self.0.get(index) == Some(&Value::Null) { Ok(None) } else { self.text(index).map(Some) }
    }

    /// Returns a column that is a count.
    pub fn count(&self, index: usize) -> Result<u64, Failure> {
        let value = self.0.get(index);
        value.and_then(Value::as_count).ok_or_else(|| unreadable(index, value))
    }

    /// Returns a column that is a count or nothing.
    pub fn maybe_count(&self, index: usize) -> Result<Option<u64>, Failure> {
        if self.0.get(index) == Some(&Value::Null) { Ok(None) } else { self.count(index).map(Some) }
    }

    /// Returns a column that is a truth value.
    pub fn truth(&self, index: usize) -> Result<bool, Failure> {
        let value = self.0.get(index);
        value.and_then(Value::as_truth).ok_or_else(|| unreadable(index, value))
    }
}

fn unreadable(index: usize, value: Option<&Value>) -> Failure {
    let message = format!(
        "column {} of a database's answer is {value:?}, which is not of its form",
        index + 1
    );
    Failure::permanently("plugin:answer", message)
}

/// Returns every row of an answer.
pub fn rows<O: Sql>(
    outside: &O,
    connection: &str,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<Row>, Failure> {
    let answer = outside.query(connection, statement, parameters)?;
    Ok(answer.rows.into_iter().map(Row).collect())
}

/// Returns the one row of an answer.
pub fn row<O: Sql>(
    outside: &O,
    connection: &str,
    statement: &str,
    parameters: &[Value],
) -> Result<Row, Failure> {
    let mut found = rows(outside, connection, statement, parameters)?;
    match (found.pop(), found.pop()) {
        (Some(row), None) => Ok(row),
        (None | Some(_), None | Some(_)) => Err(Failure::permanently(
            "plugin:answer",
            format!("a database's answer on `{connection}` has no row, or more than one"),
        )),
    }
}

/// Returns the first row of an answer that may have none.
pub fn maybe_row<O: Sql>(
    outside: &O,
    connection: &str,
    statement: &str,
    parameters: &[Value],
) -> Result<Option<Row>, Failure> {
    Ok(rows(outside, connection, statement, parameters)?.into_iter().next())
}

/// Returns the first column of every row, as text.
pub fn texts<O: Sql>(
    outside: &O,
    connection: &str,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<String>, Failure> {
    let rows = rows(outside, connection, statement, parameters)?;
    rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}
