//! Applying a patch: a merge into the environment, `null` deletes.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{BUILD, DEPLOY, cluster};
use crate::state::{State, TcpProxy, Variable};

/// Applies `patch` to a copy of `state` and returns the copy, so that a refused patch changes nothing.
///
/// What the lab doesn't know in a patch is refused by name.
pub(crate) fn apply(state: &State, patch: &Value, now: Timestamp) -> Result<State, String> {
    let mut next = state.clone();
    cluster::create(&mut next, patch, now);
    for (key, value) in map(patch, "the patch")? {
        match key.as_str() {
            "services" => {
                for (id, change) in map(value, "services")? {
                    service(&mut next, id, change, now)?;
                }
            }
            "sharedVariables" => {
                for (name, value) in map(value, key)? {
                    set_variable(&mut next.shared, name, value)?;
                }
            }
            "volumes" => {
                for (id, change) in map(value, key)? {
                    volume(&mut next, id, change, now)?;
                }
            }
            _ => return Err(unknown(key)),
        }
    }
    next.updated_at = now;
    Ok(next)
}

fn service(state: &mut State, id: &str, change: &Value, now: Timestamp) -> Result<(), String> {
    if state.service(id).is_none() {
        return Err(format!("Service {id} not found"));
    }
    let mut mounts = None;
    let mut deleted = false;
    let service = state.service_mut(id).ok_or_else(|| format!("Service {id} not found"))?;
    service.updated_at = now;
    for (key, value) in map(change, id)? {
        match key.as_str() {
            "source" => {
                for (key, value) in map(value, key)? {
                    match key.as_str() {
                        "image" => {
                            service.source.image = text(value, key)?;
                            if service.source.image.is_some() {
                                service.source.repo = None;
                            }
                        }
                        "repo" => {
                            service.source.repo = text(value, key)?;
                            if service.source.repo.is_some() {
                                service.source.image = None;
                            }
                        }
                        // The lab never updates an image by itself, so turning that off is already so.
                        "autoUpdates" => {}
                        _ => return Err(unknown(&format!("services.{id}.source.{key}"))),
                    }
                }
            }
            "variables" => {
                for (name, value) in map(value, key)? {
                    set_variable(&mut service.variables, name, value)?;
                }
            }
            "deploy" | "build" => {
                let known = if key == "deploy" { DEPLOY } else { BUILD };
                for (name, value) in map(value, key)? {
                    if !known.contains(&name.as_str()) {
                        return Err(unknown(&format!("services.{id}.{key}.{name}")));
                    }
                    set(&mut service.settings, name, value);
                }
            }
            "networking" => {
                for (key, value) in map(value, key)? {
                    match key.as_str() {
                        "tcpProxies" => {
                            for (port, value) in map(value, key)? {
                                let port: u16 = port
                                    .parse()
                                    .map_err(|error| format!("tcpProxies.{port}: {error}"))?;
                                service.proxies.retain(|proxy| proxy.application_port != port);
                                if !value.is_null() {
                                    let id = crate::identity::uuid(u64::from(port), &service.id);
                                    service.proxies.push(TcpProxy { id, application_port: port });
                                }
                            }
                        }
                        "serviceDomains" => {
                            for value in map(value, key)?.values() {
                                service.public_port = value
                                    .get("port")
                                    .and_then(Value::as_u64)
                                    .and_then(|port| port.try_into().ok());
                            }
                        }
                        _ => return Err(unknown(&format!("services.{id}.networking.{key}"))),
                    }
                }
            }
            "volumeMounts" => mounts = Some(map(value, key)?),
            "isDeleted" => deleted = value.as_bool() == Some(true),
            "isCreated" => {}
            "clusterRole" | "parentServiceId" | "clusterWiring" => {
                cluster::set(service, key, value)?;
            }
            _ => return Err(unknown(&format!("services.{id}.{key}"))),
        }
    }
    for (volume, mount) in mounts.into_iter().flatten() {
        self::mount(state, id, volume, mount)?;
    }
    if deleted {
        crate::deploy::delete_service(state, id, now);
    }
    Ok(())
}

fn mount(state: &mut State, service: &str, volume: &str, mount: &Value) -> Result<(), String> {
    let found =
        state.volumes.iter_mut().find(|found| found.id == volume && found.deleted_at.is_none());
    let found = found.ok_or_else(|| format!("Volume {volume} not found"))?;
    if mount.is_null() {
        if found.service_id.as_deref() == Some(service) {
            found.service_id = None;
        }
        return Ok(());
    }
    found.service_id = Some(service.to_owned());
    for (key, value) in map(mount, volume)? {
        match (key.as_str(), value.as_str()) {
            ("mountPath", Some(path)) => path.clone_into(&mut found.mount),
            ("backupSchedules", _) => {}
            _ => return Err(unknown(&format!("services.{service}.volumeMounts.{volume}.{key}"))),
        }
    }
    // A service has one volume: the one mounted before is detached and kept.
    for other in &mut state.volumes {
        if other.id != volume && other.service_id.as_deref() == Some(service) {
            other.service_id = None;
        }
    }
    Ok(())
}

fn volume(state: &mut State, id: &str, change: &Value, now: Timestamp) -> Result<(), String> {
    for (key, value) in map(change, id)? {
        match (key.as_str(), value.as_bool()) {
            ("isDeleted", Some(true)) => {
                let found = state.volumes.iter_mut().find(|volume| volume.id == id);
                let found = found.ok_or_else(|| format!("Volume {id} not found"))?;
                found.deleted_at = Some(now);
                found.service_id = None;
            }
            ("isDeleted" | "isCreated", _) => {}
            _ => return Err(unknown(&format!("volumes.{id}.{key}"))),
        }
    }
    Ok(())
}

fn set_variable(
    variables: &mut std::collections::BTreeMap<String, Variable>,
    name: &str,
    change: &Value,
) -> Result<(), String> {
    if change.is_null() {
        variables.remove(name);
        return Ok(());
    }
    let sealed = variables.get(name).is_some_and(|variable| variable.sealed)
        || change.get("isSealed").and_then(Value::as_bool) == Some(true);
    match change.get("value") {
        Some(Value::String(value)) => {
            variables.insert(name.to_owned(), Variable { value: value.clone(), sealed });
            Ok(())
        }
        None if sealed => {
            if let Some(variable) = variables.get_mut(name) {
                variable.sealed = true;
            }
            Ok(())
        }
        Some(_) | None => Err(format!("variable `{name}` needs a `value` that is a string")),
    }
}

/// Sets one setting; `null` unsets it.
pub(crate) fn set(settings: &mut Map<String, Value>, name: &str, value: &Value) {
    if value.is_null() {
        settings.remove(name);
    } else {
        settings.insert(name.to_owned(), value.clone());
    }
}

fn map<'v>(value: &'v Value, what: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("`{what}` is not an object"))
}

fn text(value: &Value, what: &str) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("`{what}` is not a string"))
        }
    }
}

fn unknown(key: &str) -> String {
    format!("the lab does not serve `{key}` of an EnvironmentConfig")
}
