//! From a request's document to its response.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use apollo_compiler::ast::{self, OperationType};
use apollo_compiler::executable::Operation;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::Node;
use super::caller::Caller;
use super::object::{Object, World};
use super::served;
use crate::state::State;
use crate::twin::Twin;

/// A request's body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    pub(crate) query: String,
    pub(crate) variables: Option<Map<String, Value>>,
    pub(crate) operation_name: Option<String>,
}

/// A document that may be executed.
#[derive(Debug)]
pub(crate) struct Prepared {
    document: Valid<ExecutableDocument>,
    variables: Valid<JsonMap>,
    name: Option<String>,
}

/// Why a request is answered with HTTP 400.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) code: &'static str,
    pub(crate) messages: Vec<String>,
}

/// What came of an execution.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) response: Value,
    /// Mutations that were carried out.
    pub(crate) done: Vec<String>,
}

/// Parses and validates a request's document and variables.
pub(crate) fn prepare(schema: &Valid<Schema>, body: Body) -> Result<Prepared, Malformed> {
    let malformed = |code, errors: apollo_compiler::validation::DiagnosticList| Malformed {
        code,
        messages: errors.iter().map(|error| error.error.to_string()).collect(),
    };
    let parsed = ast::Document::parse(body.query, "request.graphql")
        .map_err(|broken| malformed("GRAPHQL_PARSE_FAILED", broken.errors))?;
    let document = parsed
        .to_executable_validate(schema)
        .map_err(|errors| malformed("GRAPHQL_VALIDATION_FAILED", errors.errors))?;
    let bad = |error: apollo_compiler::request::RequestError| Malformed {
        code: "BAD_USER_INPUT",
        messages: vec![error.message().to_string()],
    };
    let operation = document.operations.get(body.operation_name.as_deref()).map_err(bad)?;
    let variables: JsonMap = body
        .variables
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.into(), JsonValue::from(value)))
        .collect();
    let variables = coerce_variable_values(schema, operation, &variables).map_err(bad)?;
    Ok(Prepared { document, variables, name: body.operation_name })
}

impl Prepared {
    fn operation(&self) -> Option<&Operation> {
        self.document.operations.get(self.name.as_deref()).ok().map(AsRef::as_ref)
    }

    pub(crate) fn kind(&self) -> Option<OperationType> {
        self.operation().map(|operation| operation.operation_type)
    }

    /// Returns the fields that the lab doesn't serve, so that a document is refused before any of it is done.
    pub(crate) fn not_served(&self) -> Vec<String> {
        self.operation()
            .map(|operation| served::missing(&self.document, operation))
            .unwrap_or_default()
    }

    /// Executes against `state`, which is locked meanwhile.
    pub(crate) fn execute(
        &self,
        schema: &Valid<Schema>,
        twin: &Arc<Twin>,
        state: &mut State,
        caller: Caller,
    ) -> Executed {
        let (type_name, node) = match self.kind() {
            Some(OperationType::Mutation) => ("Mutation", Node::Mutation),
            Some(OperationType::Query | OperationType::Subscription) | None => {
                ("Query", Node::Query)
            }
        };
        let world = World {
            twin,
            now: twin.clock.stamp(),
            state: RefCell::new(state),
            caller,
            done: RefCell::default(),
            codes: RefCell::new(BTreeMap::new()),
        };
        let root = Object::new(&world, type_name.to_owned(), node);
        let execution = Execution::new(schema, &self.document)
            .coerced_variable_values(&self.variables)
            .enable_schema_introspection(true);
        let executed = match execution.operation_name(self.name.as_deref()) {
            Ok(execution) => execution.execute_sync(&root),
            Err(error) => Err(error),
        };
        drop(root);
        let response = match executed {
            Ok(response) => json!({ "data": response.data, "errors": response.errors }),
            Err(error) => json!({ "errors": [{ "message": error.message().to_string() }] }),
        };
        let codes = world.codes.into_inner();
        Executed { response: railways(response, &codes), done: world.done.into_inner() }
    }
}

/// Gives errors the form that Railway's have.
fn railways(mut response: Value, codes: &BTreeMap<String, &'static str>) -> Value {
    let Some(map) = response.as_object_mut() else { return response };
    if map.get("errors").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        map.remove("errors");
        return response;
    }
    for error in map.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
        let message = message.strip_prefix("resolver error: ").unwrap_or(message).to_owned();
        let code = codes.get(&message).copied().unwrap_or("INTERNAL_SERVER_ERROR");
        if let Some(error) = error.as_object_mut() {
            error.insert("message".to_owned(), json!(message));
            error.insert("extensions".to_owned(), json!({ "code": code }));
        }
    }
    response
}
