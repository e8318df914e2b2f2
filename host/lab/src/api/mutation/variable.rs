//! Changing variables, and the deployments that this sets going.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::answer::{Answered, Arguments, flag, input, leaf, required, text};
use super::super::object::World;
use super::super::refusal::Refusal;
use crate::config::Shape;
use crate::deploy;
use crate::state::{State, Trigger, Variable};

pub(super) fn upsert(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    let (name, value) = (required(input, "name")?, required(input, "value")?);
    change(world, state, input, |variables| set(variables, name, value))
}

pub(super) fn upsert_collection(
    world: &World<'_>,
    state: &mut State,
    arguments: &Arguments,
) -> Answered {
    let input = input(arguments)?;
    let given = input.get("variables").and_then(Value::as_object);
    let given = given.ok_or_else(|| Refusal::BadInput("`variables` is not a map".to_owned()))?;
    let mut texts = BTreeMap::new();
    for (name, value) in given {
        let value = value.as_str();
        texts.insert(
            name,
            value.ok_or_else(|| Refusal::BadInput(format!("variable `{name}` is not a string")))?,
        );
    }
    change(world, state, input, |variables| {
        if flag(input, "replace") {
            variables.retain(|name, _| texts.contains_key(name));
        }
        for (name, value) in texts {
            set(variables, name, value);
        }
    })
}

pub(super) fn delete(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    let name = required(input, "name")?;
    change(world, state, input, |variables| {
        variables.remove(name);
    })
}

/// Changes the variables of a service or the shared ones, then deploys every service that this affects.
fn change(
    world: &World<'_>,
    state: &mut State,
    input: &Arguments,
    change: impl FnOnce(&mut BTreeMap<String, Variable>),
) -> Answered {
    let before = Shape::of(state);
    match text(input, "serviceId") {
        Some(id) => {
            let service = state.service_mut(id).ok_or(Refusal::NotFound("Service"))?;
            change(&mut service.variables);
            service.updated_at = world.now;
        }
        None => change(&mut state.shared),
    }
    state.updated_at = world.now;
    if !flag(input, "skipDeploys") {
        let affected = before.changed(state);
        deploy::deploy_all(state, &affected, Trigger::Deploy, world.now);
    }
    leaf(true)
}

/// Sets a variable; one that was sealed stays so.
fn set(variables: &mut BTreeMap<String, Variable>, name: &str, value: &str) {
    let sealed = variables.get(name).is_some_and(|variable| variable.sealed);
    variables.insert(name.to_owned(), Variable { value: value.to_owned(), sealed });
}
