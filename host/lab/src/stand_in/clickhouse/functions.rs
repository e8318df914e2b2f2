//! Functions of ClickHouse that SQLite lacks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{
    Connection, Error, Result,
    functions::{Aggregate, Context, FunctionFlags},
    types::ValueRef,
};
use serde_json::json;

/// Teaches them to a connection.
pub(super) fn teach(connection: &Connection, version: &str, database: &str) -> Result<()> {
    // A view may call only what harms nobody.
    let pure = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let told = FunctionFlags::SQLITE_UTF8;
    for (name, text) in [("version", version), ("timezone", "UTC"), ("currentDatabase", database)] {
        let text = text.to_owned();
        connection.create_scalar_function(name, 0, pure, move |_| Ok(text.clone()))?;
    }
    connection.create_scalar_function("now", 0, told, |_| Ok(now("%Y-%m-%d %H:%M:%S")))?;
    for arguments in [0, 1] {
        connection.create_scalar_function("now64", arguments, told, |_| {
            Ok(now("%Y-%m-%d %H:%M:%S%.9f"))
        })?;
    }
    connection.create_scalar_function("toDate", 1, pure, |call| {
        Ok(call.get::<String>(0)?.chars().take(10).collect::<String>())
    })?;
    connection.create_scalar_function("toString", 1, pure, |call| Ok(text(call, 0)))?;
    connection.create_scalar_function("toUnixTimestamp64Nano", 1, pure, |call| {
        let text = call.get::<String>(0)?.replace(' ', "T") + "Z";
        let moment: Timestamp =
            text.parse().map_err(|error: jiff::Error| Error::UserFunctionError(error.into()))?;
        i64::try_from(moment.as_nanosecond())
            .map_err(|error| Error::UserFunctionError(error.into()))
    })?;
    connection.create_scalar_function("startsWith", 2, pure, |call| {
        Ok(text(call, 0).starts_with(&text(call, 1)))
    })?;
    connection.create_scalar_function("arraySort", 1, pure, |call| {
        let mut list = list(call)?;
        list.sort();
        Ok(json!(list).to_string())
    })?;
    connection.create_scalar_function("arrayStringConcat", 2, pure, |call| {
        Ok(list(call)?.join(&text(call, 1)))
    })?;
    connection.create_aggregate_function("groupArray", 1, pure, Grouped)?;
    for name in ["uniqExact", "uniq"] {
        connection.create_aggregate_function(name, -1, pure, Distinct)?;
    }
    connection.create_aggregate_function("countIf", 1, pure, Counted)
}

fn now(format: &str) -> String {
    Timestamp::now().strftime(format).to_string()
}

fn text(call: &Context<'_>, at: usize) -> String {
    match call.get_raw(at) {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

/// An array of texts, which is kept as JSON.
fn list(call: &Context<'_>) -> Result<Vec<String>> {
    serde_json::from_str(&text(call, 0)).map_err(|error| Error::UserFunctionError(error.into()))
}

/// Makes an array of texts.
struct Grouped;

impl Aggregate<Vec<String>, String> for Grouped {
    fn init(&self, _: &mut Context<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn step(&self, call: &mut Context<'_>, seen: &mut Vec<String>) -> Result<()> {
        seen.push(text(call, 0));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, seen: Option<Vec<String>>) -> Result<String> {
        Ok(json!(seen.unwrap_or_default()).to_string())
    }
}

/// Counts what differs.
struct Distinct;

impl Aggregate<BTreeSet<Vec<String>>, i64> for Distinct {
    fn init(&self, _: &mut Context<'_>) -> Result<BTreeSet<Vec<String>>> {
        Ok(BTreeSet::new())
    }

    fn step(&self, call: &mut Context<'_>, seen: &mut BTreeSet<Vec<String>>) -> Result<()> {
        seen.insert((0..call.len()).map(|at| text(call, at)).collect());
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, seen: Option<BTreeSet<Vec<String>>>) -> Result<i64> {
        Ok(seen.map_or(0, |seen| i64::try_from(seen.len()).unwrap_or(i64::MAX)))
    }
}

/// Counts the rows for which something holds.
struct Counted;

impl Aggregate<i64, i64> for Counted {
    fn init(&self, _: &mut Context<'_>) -> Result<i64> {
        Ok(0)
    }

    fn step(&self, call: &mut Context<'_>, count: &mut i64) -> Result<()> {
        *count += i64::from(call.get::<Option<bool>>(0)?.unwrap_or_default());
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, count: Option<i64>) -> Result<i64> {
        Ok(count.unwrap_or_default())
    }
}
