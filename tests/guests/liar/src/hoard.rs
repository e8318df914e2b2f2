//! Reading everything that may be read, and giving all of it away.

use lockstep_sdk::bindings::lockstep::plugin::log;
use lockstep_sdk::outside::{Http, Railway, Redis, Sql};
use lockstep_sdk::{Live, Node, Rows, Value};

use crate::said::words;

/// The longest part of one answer that is kept: a host keeps 64 KiB of facts.
const LONGEST: usize = 6 * 1024;

/// What all answers together may take.
const MOST: usize = 60 * 1024;

/// How many keys `leak:N` are asked for.
const KEYS: usize = 100;

/// Asks for everything and returns each answer as a line. Each is also written to the log.
///
/// Beside what the stack has by itself, it knows where a test leaves something to be found: the keys `leak:N`, the table
/// `leak`, lines of the log that hold `leak`, and the endpoint `leak`.
pub(crate) fn everything() -> Vec<String> {
    let mut got = planted();
    let services = Live.services();
    got.push(format!("services {services:?}"));
    for service in services.unwrap_or_default() {
        let name = service.name.as_str();
        let variables = Live.variables(name);
        for variable in variables.iter().flatten() {
            if let Ok(Some(location)) = Live.destination(name, &variable.name) {
                got.push(format!("{name} destination {} {location:?}", variable.name));
            }
        }
        got.push(format!("{name} variables {variables:?}"));
        got.push(format!("{name} deployments {:?}", Live.deployments(name, 3)));
        got.push(format!("{name} backups {:?}", Live.backups(name)));
        got.push(format!("{name} logs {:?}", Live.logs(name, 0, "", 20)));
        got.push(format!("{name} traffic {:?}", Live.traffic(name, 0, u64::MAX / 2)));
    }
    got.push(format!("staged {:?}", Live.staged()));
    for line in ["INFO", "CLIENT LIST", "CONFIG GET dir", "SCAN 0 COUNT 1000", "ROLE"] {
        let command: Vec<&str> = line.split(' ').collect();
        got.push(format!("{line} {}", nodes(&Live.command("redis", &command).unwrap_or_default())));
    }
    for statement in [
        "SELECT usename, query FROM pg_stat_activity",
        "SELECT name, setting FROM pg_settings",
        "SELECT rolname, rolconfig FROM pg_roles",
    ] {
        got.push(rows(statement));
    }
    let mut held = 0;
    for line in &mut got {
        line.truncate(line.floor_char_boundary(LONGEST));
        held += line.len();
    }
    // The rest is dropped from the end: what a test planted comes first.
    while held > MOST {
        held -= got.pop().map_or(held, |line| line.len());
    }
    for line in &got {
        log::write(log::Level::Info, line);
    }
    got
}

/// What a test left to be found.
fn planted() -> Vec<String> {
    let mut got = Vec::new();
    for number in 0..KEYS {
        let key = format!("leak:{number}");
        match Live.command("redis", &["GET", &key]) {
            Ok(answer) if answer == [Node::Nil] => break,
            Ok(answer) => got.push(format!("{key} {}", nodes(&answer))),
            denied @ Err(_) => {
                got.push(format!("{key} {}", words(&denied)));
                break;
            }
        }
    }
    got.push(rows("SELECT * FROM leak"));
    match Live.get("leak", "/leak") {
        Ok(answer) => {
            got.push(format!("http {:?}", answer.headers));
            got.push(format!("http {}", String::from_utf8_lossy(&answer.body)));
        }
        denied @ Err(_) => got.push(format!("http {}", words(&denied))),
    }
    got.push(format!("redis logs {:?}", Live.logs("redis", 0, "leak", 100)));
    // A failure's words come from the outside too.
    got.push(rows("SELECT 1 FROM leak WHERE text_form::int4 = 1"));
    got
}

fn rows(statement: &str) -> String {
    let answer = Live.query("postgres", statement, &[]);
    let Ok(Rows { columns, rows, .. }) = &answer else { return format!("sql {}", words(&answer)) };
    let told: Vec<String> = rows.iter().flatten().map(value).collect();
    format!("sql {columns:?} {}", told.join(" "))
}

fn value(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Text(text) => text.clone(),
        other @ (Value::Null
        | Value::Boolean(_)
        | Value::Integer(_)
        | Value::Real(_)
        | Value::Decimal(_)
        | Value::Moment(_)
        | Value::Sealed(_)
        | Value::Other(_)) => format!("{other:?}"),
    }
}

fn nodes(nodes: &[Node]) -> String {
    let told = nodes.iter().map(|node| match node {
        Node::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Node::Other(text) => text.clone(),
        other @ (Node::Nil
        | Node::Integer(_)
        | Node::Real(_)
        | Node::Boolean(_)
        | Node::Array(_)
        | Node::Pairs(_)) => format!("{other:?}"),
    });
    told.collect::<Vec<_>>().join(" ")
}
