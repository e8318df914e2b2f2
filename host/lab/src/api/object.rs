//! Resolving fields: from the executor's callbacks to the lab's answers.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonValue;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Answered, Arguments, Node, Page};
use super::caller::Caller;
use super::refusal::Refusal;
use super::{mutation, query, record};
use crate::state::State;
use crate::twin::Twin;

/// One request being executed.
pub(crate) struct World<'w> {
    pub(crate) twin: &'w Arc<Twin>,
    pub(crate) state: RefCell<&'w mut State>,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
    /// Names of mutations that were carried out.
    pub(crate) done: RefCell<Vec<String>>,
    /// Codes of refusals, by message, because the executor keeps messages only.
    pub(crate) codes: RefCell<BTreeMap<String, &'static str>>,
}

/// An object of the graph, as the executor sees it.
pub(crate) struct Object<'o, 'w> {
    pub(crate) world: &'o World<'w>,
    pub(crate) type_name: String,
    pub(crate) node: Node,
    record: OnceCell<Map<String, Value>>,
}

impl<'o, 'w> Object<'o, 'w> {
    pub(crate) fn new(world: &'o World<'w>, type_name: String, node: Node) -> Self {
        Self { world, type_name, node, record: OnceCell::new() }
    }

    fn answer(&self, field: &str, arguments: &Arguments) -> Answered {
        match &self.node {
            Node::Query => query::answer(self.world, field, arguments),
            Node::Mutation => mutation::answer(self.world, field, arguments),
            Node::Page(page) => Ok(connection(page, field)),
            Node::Edge(cursor, node) => Ok(match field {
                "cursor" => Answer::Leaf(json!(cursor)),
                _ => Answer::One(Some((**node).clone())),
            }),
            Node::Project
            | Node::Environment
            | Node::Service(_)
            | Node::ServiceInstance(_)
            | Node::Deployment(_)
            | Node::Volume(_)
            | Node::VolumeInstance(_)
            | Node::Record(_) => self.of_record(field, arguments),
        }
    }

    /// Answers with a relation of the node where it has one of this name, else from its record.
    fn of_record(&self, field: &str, arguments: &Arguments) -> Answered {
        let state = self.world.state.borrow();
        if let Some(answer) = record::relation(&state, &self.node, field, arguments) {
            return answer;
        }
        let record = if let Some(record) = self.record.get() {
            record
        } else {
            let made = record::of(&state, &self.node)?;
            self.record.get_or_init(|| made)
        };
        match record.get(field) {
            Some(value) => Ok(Answer::Leaf(value.clone())),
            None => Err(Refusal::NotServed(format!("`{}.{field}`", self.type_name))),
        }
    }

    fn resolved<'a>(&'a self, info: &ResolveInfo<'_>, answer: Answer) -> ResolvedValue<'a> {
        let inner = info.field_definition().ty.inner_named_type();
        let object =
            |node: Node| ResolvedValue::object(Object::new(self.world, inner.to_string(), node));
        match answer {
            Answer::One(Some(node)) => object(node),
            Answer::Many(nodes) => {
                ResolvedValue::list(nodes.into_iter().map(object).collect::<Vec<_>>())
            }
            Answer::Page(page) => object(Node::Page(Box::new(page))),
            Answer::Leaf(value) if info.schema().get_object(inner).is_none() => leaf(value, info),
            Answer::Leaf(Value::Object(record)) => object(Node::Record(record)),
            Answer::Leaf(Value::Array(records)) => {
                let records = records.into_iter().map(|record| match record {
                    Value::Object(record) => object(Node::Record(record)),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_) => ResolvedValue::null(),
                });
                ResolvedValue::list(records.collect::<Vec<_>>())
            }
            Answer::One(None)
            | Answer::Leaf(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                ResolvedValue::null()
            }
        }
    }
}

/// Passes a scalar, or a list of scalars where the schema wants one.
fn leaf<'a>(value: Value, info: &ResolveInfo<'_>) -> ResolvedValue<'a> {
    let is_list = info.field_definition().ty.is_list();
    if let Some(items) = value.as_array().filter(|_| is_list) {
        let items = items.iter().map(|item| ResolvedValue::Leaf(JsonValue::from(item.clone())));
        return ResolvedValue::list(items.collect::<Vec<_>>());
    }
    ResolvedValue::Leaf(JsonValue::from(value))
}

fn connection(page: &Page, field: &str) -> Answer {
    match field {
        "edges" => {
            let edges = page.edges.iter();
            Answer::Many(
                edges
                    .map(|(cursor, node)| Node::Edge(cursor.clone(), Box::new(node.clone())))
                    .collect(),
            )
        }
        _ => Answer::Leaf(json!({
            "hasNextPage": page.has_next,
            "hasPreviousPage": page.has_previous,
            "startCursor": page.edges.first().map(|(cursor, _)| cursor),
            "endCursor": page.edges.last().map(|(cursor, _)| cursor),
        })),
    }
}

impl ObjectValue for Object<'_, '_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let arguments = match serde_json::to_value(info.arguments()) {
            Ok(Value::Object(arguments)) => arguments,
            Ok(_) | Err(_) => Arguments::new(),
        };
        match self.answer(info.field_name(), &arguments) {
            Ok(answer) => Ok(self.resolved(info, answer)),
            Err(refusal) => {
                self.world.codes.borrow_mut().insert(refusal.to_string(), refusal.code());
                Err(FieldError { message: refusal.to_string() })
            }
        }
    }
}
