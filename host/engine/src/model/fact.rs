//! What `observe` found and effects gave: small typed tables that the journal keeps.

use serde::{Deserialize, Serialize};

use super::time::Moment;
use super::wire::Hex;

/// One typed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// No value.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating point number. One that is not finite is kept as text, because JSON has no such number.
    Real(#[serde(with = "super::wire::real")] f64),
    /// An exact decimal in text form.
    Decimal(String),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Hex),
    /// A moment.
    Moment(Moment),
    /// A secret that the host holds under this handle.
    Sealed(String),
    /// A type without a case here, and the value as the server prints it.
    Other(String, String),
}

/// Something found out: a small table. A single value is one row of one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// The table.
    pub rows: Vec<Vec<Value>>,
}

/// The name of what a person had better look after although a step is done.
const ATTENTION: &str = "attention";

/// Returns what a person had better look after although the step that found these facts is done.
pub fn attention(facts: &[Fact]) -> Option<&str> {
    facts.iter().find(|fact| fact.name == ATTENTION)?.as_text()
}

impl Fact {
    /// Returns a fact of one value.
    pub fn one(name: &str, value: Value) -> Self {
        Self { name: name.to_owned(), rows: vec![vec![value]] }
    }

    /// Returns a fact of one text.
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self::one(name, Value::Text(text.into()))
    }

    /// Returns the text of a fact that is one text.
    pub fn as_text(&self) -> Option<&str> {
        match self.rows.first()?.first()? {
            Value::Text(text) => Some(text),
            Value::Null
            | Value::Boolean(_)
            | Value::Integer(_)
            | Value::Real(_)
            | Value::Decimal(_)
            | Value::Bytes(_)
            | Value::Moment(_)
            | Value::Sealed(_)
            | Value::Other(..) => None,
        }
    }
}

/// Returns the id of the deployment that an effect made.
pub(crate) fn deployment_id(facts: &[Fact]) -> Option<String> {
    facts.iter().find(|fact| fact.name == "deployment").and_then(Fact::as_text).map(str::to_owned)
}

/// Returns how many bytes `facts` take in the journal, about.
pub fn facts_size(facts: &[Fact]) -> usize {
    facts
        .iter()
        .map(|fact| fact.name.len() + fact.rows.iter().flatten().map(size).sum::<usize>())
        .sum()
}

fn size(value: &Value) -> usize {
    const FIXED: usize = 16;
    match value {
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Real(_) | Value::Moment(_) => {
            FIXED
        }
        Value::Decimal(text) | Value::Text(text) | Value::Sealed(text) => FIXED + text.len(),
        Value::Bytes(bytes) => FIXED + bytes.0.len() * 2,
        Value::Other(kind, text) => FIXED + kind.len() + text.len(),
    }
}
