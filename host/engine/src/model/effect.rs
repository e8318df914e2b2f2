//! One change to the outside, as declared and frozen.

use serde::{Deserialize, Serialize};

use super::fact::Value;
use super::kind::Kind;
use super::name::Label;

/// What stands in everything that a plugin reads where a secret stood. No effect may hold it: it would take the secret's place.
pub const REDACTED: &str = "[secret]";

/// A service of the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceRef {
    /// By its name.
    Named(String),
    /// By the alias under which an effect of the same plan makes it.
    Made(String),
}

/// A connection as one service sees it: its private address, not the one that the host dials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The connection's name.
    pub connection: String,
    /// Who dials it.
    pub seen_by: ServiceRef,
}

/// A piece of text that the host puts together when it performs an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Literal text, sent as it is.
    Text(String),
    /// The value of a secret that the operator has named and allowed for this place.
    Secret(String),
    /// How one party reaches a named connection, password included.
    Conninfo(Peer),
    /// A Railway reference to a service's variable.
    Reference(ServiceRef, String),
    /// An argument given when the effect is performed.
    Argument(String),
}

/// Text made of pieces, in order, without separators.
pub type Composed = Vec<Piece>;

/// A value given to `perform` under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// The values that an argument may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// One of these.
    Among(Vec<Value>),
    /// An integer between both ends, ends included.
    Between(i64, i64),
    /// A value that the step's `observe` recorded under this fact, in this column.
    Observed(String, u32),
    /// What an earlier effect of the same step gave under this fact.
    GivenBy(Label, String),
    /// Any value; shown as a warning.
    Any,
}

/// What an argument of an effect may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentRule {
    /// The argument's name.
    pub name: String,
    /// Its values.
    pub allowed: Allowed,
}

/// How often an effect may be performed in one round of its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Once.
    Once,
    /// At most so often, each time with other arguments.
    AtMost(u32),
}

/// How the host finds out what happened when no answer came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The kind of the effect says how.
    ByKind,
    /// Sending it again gives the same end, so the host sends it again.
    Repeatable,
    /// This read on the same connection answers with one boolean: true means that it happened.
    Read(String),
    /// Nobody can say: the run stops and asks.
    Ask,
}

/// One variable and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Composed,
}

/// How a generated secret looks, with the number of its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// Hexadecimal digits.
    Hex(u32),
    /// Letters and digits.
    Alphanumeric(u32),
    /// Base64 characters.
    Base64(u32),
}

/// What a deployment deploys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploySource {
    /// What is configured now.
    Configured,
    /// The image that runs now, again.
    SameImage,
    /// This commit of its repository.
    Commit(String),
}

/// Rows that a statement may change, checked before the transaction commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affects {
    /// No fewer.
    pub at_least: u64,
    /// No more.
    pub at_most: u64,
}

/// One SQL statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Fixed text; `$1` … are bound from `parameters`.
    pub text: Composed,
    /// Names of arguments, in the order of `$1` ….
    pub parameters: Vec<String>,
    /// Bounds on the rows that it changes.
    pub affects: Option<Affects>,
}

/// What holds several statements together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Atomicity {
    /// One transaction, whose fate the server itself can tell.
    Transaction,
    /// One statement that no transaction may contain.
    Alone,
}

/// A part of an HTTP answer that later effects need, by JSON Pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// The fact that it becomes.
    pub fact: String,
    /// Where it stands in the answer.
    pub pointer: String,
    /// Whether it stays in the host and plugins see a sealed value.
    pub secret: bool,
}

/// An HTTP request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Path and query; pieces are percent-encoded by the host.
    pub path: Composed,
    /// Headers.
    pub headers: Vec<(String, Composed)>,
    /// The body.
    pub body: Composed,
    /// Status codes that mean success.
    pub success: Vec<u16>,
    /// What to keep of the answer.
    pub captures: Vec<Capture>,
}

/// One declared effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Its name in the plan.
    pub label: Label,
    /// What it does.
    pub kind: Kind,
    /// What its arguments may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ArgumentRule>,
    /// How often in a round.
    pub times: Times,
    /// How its fate is found out.
    pub proof: Proof,
}

impl Effect {
    /// Returns an effect without arguments, performed once, settled as its kind is.
    pub fn plain(label: Label, kind: Kind) -> Self {
        Self { label, kind, rules: Vec::new(), times: Times::Once, proof: Proof::ByKind }
    }
}
