//! What reading a Redis server answers.

use serde::{Deserialize, Serialize};

use super::time::Millis;

/// One node of an answer, in preorder: `Array(2)` is followed by its two elements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// No value.
    Nil,
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Real(#[serde(with = "super::wire::real")] f64),
    /// A truth value.
    Boolean(bool),
    /// Bytes.
    Text(#[serde(with = "super::wire::bytes")] Vec<u8>),
    /// So many elements follow.
    Array(u32),
    /// So many pairs of key and value follow.
    Pairs(u32),
    /// A kind of answer that has no case here, as text.
    Other(String),
}

/// One key of a sample. Neither the key's name nor its value is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// A hash of database number and key.
    pub id: String,
    /// The key's type, as `TYPE` names it.
    pub kind: String,
    /// What is left of its time to live; none for a key that does not expire.
    pub ttl: Option<Millis>,
    /// A hash of the value, whatever its encoding.
    pub content: String,
}

/// What is in a server: counts over all keys, and a sample that two looks choose in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyspace {
    /// Keys in all databases.
    pub keys: u64,
    /// Keys among them that expire.
    pub expiring: u64,
    /// Keys by type, sorted by type.
    pub kinds: Vec<(String, u64)>,
    /// A hash over all keys and values, whatever their order; none unless asked for.
    pub content: Option<String>,
    /// The keys with the smallest `id`, sorted by it.
    pub sample: Vec<Print>,
}
