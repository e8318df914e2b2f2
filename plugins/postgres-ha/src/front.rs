//! PgPool: its nodes and its live settings, as it tells them itself. Columns are found by name, never by position.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Rows, Value};

use crate::names::FRONT;

/// Settings that must stand before clients come, and what they must be.
const WANTED: [(&str, &str); 2] =
    [("load_balance_mode", "off"), ("failover_on_backend_shutdown", "off")];

/// What PgPool tells, and what a server calls no setting of its own.
pub(crate) const POOLER: &str = "SHOW pool_version";

/// What a server answers to that.
const NO_SETTING: &str = "sql:42704";

/// Looks whether a connection ends at PgPool instead of a server, and returns how that calls itself.
pub(crate) fn pooler<O: Sql>(outside: &O, connection: &str) -> Result<Option<String>, Failure> {
    match outside.query(connection, POOLER, &[]) {
        Ok(answer) => {
            let text = answer.rows.first().and_then(|row| row.first()).and_then(Value::as_text);
            Ok(Some(format!("{POOLER}: {}", text.unwrap_or("answered"))))
        }
        Err(failure) if failure.problem().has(NO_SETTING) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// One node as PgPool sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its address.
    pub(crate) host: String,
    /// Whether PgPool sends sessions to it, and whether it answers.
    pub(crate) up: bool,
    /// Whether it is the primary.
    pub(crate) primary: bool,
}

/// Asks for the nodes.
pub(crate) fn nodes<O: Sql>(outside: &O) -> Result<Vec<Node>, Failure> {
    let answer = outside.query(FRONT, "SHOW pool_nodes", &[])?;
    let node = |row: &Vec<Value>| -> Result<Node, Failure> {
        let text = |name: &str| column(&answer, row, name);
        let is = |name: &str, word: &str| text(name).map(|found| found == word);
        // `pg_status` and `pg_role` are what the node itself says; versions before 4.3 do not have them.
        let also = |name: &str, word: &str| text(name).map_or(true, |found| found == word);
        Ok(Node {
            host: text("hostname")?,
            up: is("status", "up")? && also("pg_status", "up"),
            primary: is("role", "primary")? && also("pg_role", "primary"),
        })
    };
    answer.rows.iter().map(node).collect()
}

fn column(answer: &Rows, row: &[Value], name: &str) -> Result<String, Failure> {
    let index = answer.columns.iter().position(|column| column == name);
    let text = index.and_then(|index| row.get(index)).and_then(Value::as_text);
    text.map(str::to_owned).ok_or_else(|| {
        Failure::permanently("plugin:answer", format!("PgPool tells no `{name}` of its nodes"))
    })
}

/// Returns why clients can't be sent to PgPool, if they can't: not exactly one primary, or fewer than `wanted` nodes up.
pub(crate) fn unfit(nodes: &[Node], wanted: usize) -> Option<String> {
    let primaries = nodes.iter().filter(|node| node.primary && node.up).count();
    let up = nodes.iter().filter(|node| node.up).count();
    if primaries != 1 {
        return Some(format!("PgPool sees {primaries} primaries that are up"));
    }
    (up < wanted).then(|| format!("PgPool sees {up} nodes up, and {wanted} should be"))
}

/// Returns which live setting is not as it must be, if any is: where PgPool would send reads to a node that is behind, or
/// would drop the primary because a session there was ended.
pub(crate) fn wrong_setting<O: Sql>(outside: &O) -> Result<Option<String>, Failure> {
    let answer = outside.query(FRONT, "SHOW pool_status", &[])?;
    for (name, wanted) in WANTED {
        let mut found = None;
        for row in &answer.rows {
            if column(&answer, row, "item")? == name {
                found = Some(column(&answer, row, "value")?);
            }
        }
        let off = found.as_deref().is_some_and(|value| ["off", "0"].contains(&value));
        if !off {
            let value = found.as_deref().unwrap_or("not told");
            return Ok(Some(format!("PgPool's `{name}` is {value}, and must be {wanted}")));
        }
    }
    Ok(None)
}
