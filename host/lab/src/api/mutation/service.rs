//! Changing services and their instances.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::answer::{Answer, Answered, Arguments, Node, input, leaf, required, text};
use super::super::object::World;
use super::super::refusal::Refusal;
use crate::config;
use crate::deploy;
use crate::state::{Service, Source, State, Variable};

/// Sets what the input names: a value sets, `null` unsets, an absent key keeps.
pub(super) fn update_instance(
    world: &World<'_>,
    state: &mut State,
    arguments: &Arguments,
) -> Answered {
    let input = input(arguments)?;
    let id = required(arguments, "serviceId")?;
    let has_volume = state.volume_of(id).is_some();
    let service = state.service_mut(id).ok_or(Refusal::NotFound("Service"))?;
    if input.contains_key("registryCredentials") {
        return Err(Refusal::NotServed(
            "`ServiceInstanceUpdateInput.registryCredentials`".to_owned(),
        ));
    }
    if has_volume
        && input.get("numReplicas").and_then(Value::as_i64).is_some_and(|replicas| replicas > 1)
    {
        return Err(Refusal::BadInput("Services with volumes cannot have replicas".to_owned()));
    }
    for (name, value) in input {
        match (name.as_str(), value) {
            ("source", Value::Object(source)) => set_source(&mut service.source, source),
            ("source", _) => service.source = Source::default(),
            _ => config::set(&mut service.settings, name, value),
        }
    }
    service.updated_at = world.now;
    state.updated_at = world.now;
    leaf(true)
}

pub(super) fn create(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    for unserved in ["registryCredentials", "templateId", "templateServiceId"] {
        if input.get(unserved).is_some_and(|value| !value.is_null()) {
            return Err(Refusal::NotServed(format!("`ServiceCreateInput.{unserved}`")));
        }
    }
    let address = state
        .free_address()
        .ok_or_else(|| Refusal::Failed("no address is left in the lab".to_owned()))?;
    let (id, instance_id) = (state.id(), state.id());
    let name = text(input, "name").map_or_else(|| format!("service-{}", state.made), str::to_owned);
    if state.services.iter().any(|service| service.name == name) {
        return Err(Refusal::BadInput(format!(
            "A service named \"{name}\" already exists in this project"
        )));
    }
    let mut source = Source::default();
    if let Some(given) = input.get("source").and_then(Value::as_object) {
        set_source(&mut source, given);
    }
    let mut variables = BTreeMap::new();
    for (name, value) in input.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let value = value
            .as_str()
            .ok_or_else(|| Refusal::BadInput(format!("variable `{name}` is not a string")))?;
        variables.insert(name.clone(), Variable::plain(value));
    }
    state.services.push(Service {
        id: id.clone(),
        instance_id,
        name,
        address,
        source,
        settings: Map::new(),
        variables,
        public_port: None,
        proxies: Vec::new(),
        cluster: None,
        created_at: world.now,
        updated_at: world.now,
    });
    state.updated_at = world.now;
    // A source is deployed at once, before settings that come later.
    deploy::deploy(state, &id, world.now);
    Ok(Answer::One(Some(Node::Service(id))))
}

pub(super) fn update(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    let id = required(arguments, "id")?;
    if let Some(unserved) = input.keys().find(|key| *key != "name" && *key != "icon") {
        return Err(Refusal::NotServed(format!("`ServiceUpdateInput.{unserved}`")));
    }
    if let Some(name) = text(input, "name") {
        if state.services.iter().any(|service| service.name == name && service.id != id) {
            return Err(Refusal::BadInput(format!(
                "A service named \"{name}\" already exists in this project"
            )));
        }
        let service = state.service_mut(id).ok_or(Refusal::NotFound("Service"))?;
        name.clone_into(&mut service.name);
        service.updated_at = world.now;
    }
    state.service(id).ok_or(Refusal::NotFound("Service"))?;
    Ok(Answer::One(Some(Node::Service(id.to_owned()))))
}

pub(super) fn connect(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    let id = required(arguments, "id")?;
    let service = state.service_mut(id).ok_or(Refusal::NotFound("Service"))?;
    set_source(&mut service.source, input);
    service.updated_at = world.now;
    deploy::deploy(state, id, world.now);
    Ok(Answer::One(Some(Node::Service(id.to_owned()))))
}

pub(super) fn disconnect(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let id = required(arguments, "id")?;
    let service = state.service_mut(id).ok_or(Refusal::NotFound("Service"))?;
    service.source = Source::default();
    service.updated_at = world.now;
    Ok(Answer::One(Some(Node::Service(id.to_owned()))))
}

pub(super) fn delete(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let id = required(arguments, "id")?;
    state.service(id).ok_or(Refusal::NotFound("Service"))?;
    deploy::delete_service(state, id, world.now);
    leaf(true)
}

/// Sets image or repository; each takes the other's place.
fn set_source(source: &mut Source, given: &Map<String, Value>) {
    let text = |name: &str| given.get(name).map(|value| value.as_str().map(str::to_owned));
    if let Some(image) = text("image") {
        if image.is_some() {
            source.repo = None;
        }
        source.image = image;
    }
    if let Some(repo) = text("repo") {
        if repo.is_some() {
            source.image = None;
        }
        source.repo = repo;
    }
}
