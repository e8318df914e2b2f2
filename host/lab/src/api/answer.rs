//! What a field resolves to.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The answer to one field.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A scalar, or an object or list of objects that is all there as JSON.
    Leaf(Value),
    One(Option<Node>),
    Many(Vec<Node>),
    /// A connection, with the nodes of the page and what is known of the rest.
    Page(Page),
}

/// One object of the graph.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Query,
    Mutation,
    Project,
    Environment,
    Service(String),
    ServiceInstance(String),
    Deployment(String),
    /// A volume and its one instance, by the volume's id.
    Volume(String),
    VolumeInstance(String),
    Record(Map<String, Value>),
    Page(Box<Page>),
    Edge(String, Box<Self>),
}

/// A page of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// Cursor and node.
    pub(crate) edges: Vec<(String, Node)>,
    pub(crate) has_next: bool,
    pub(crate) has_previous: bool,
}

/// Arguments of a field, coerced to their types.
pub(crate) type Arguments = Map<String, Value>;

/// The result of answering a field.
pub(crate) type Answered = Result<Answer, Refusal>;

#[expect(clippy::unnecessary_wraps, reason = "every field's answer has this type")]
pub(crate) fn leaf(value: impl Into<Value>) -> Answered {
    Ok(Answer::Leaf(value.into()))
}

/// Returns a required argument that the schema made sure of.
pub(crate) fn required<'a>(arguments: &'a Arguments, name: &str) -> Result<&'a str, Refusal> {
    text(arguments, name).ok_or_else(|| Refusal::BadInput(format!("`{name}` is missing")))
}

pub(crate) fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}

pub(crate) fn flag(arguments: &Arguments, name: &str) -> bool {
    arguments.get(name).and_then(Value::as_bool).unwrap_or(false)
}

pub(crate) fn input(arguments: &Arguments) -> Result<&Arguments, Refusal> {
    let input = arguments.get("input").and_then(Value::as_object);
    input.ok_or_else(|| Refusal::BadInput("`input` is missing".to_owned()))
}
