//! What a patch says of clusters: who belongs to one, and which services come to be.

use jiff::Timestamp;
use serde_json::Value;

use crate::state::{ClusterRole, Membership, Service, State};

/// Turns the drafts that `patch` creates into services with their volumes.
pub(super) fn create(state: &mut State, patch: &Value, now: Timestamp) {
    let services = patch.get("services").and_then(Value::as_object);
    for (id, change) in services.into_iter().flatten() {
        let created = change.get("isCreated").and_then(Value::as_bool) == Some(true);
        let Some(at) = state.drafts.iter().position(|draft| created && draft.service.id == *id)
        else {
            continue;
        };
        let draft = state.drafts.remove(at);
        state.services.push(Service { created_at: now, updated_at: now, ..draft.service });
        state.volumes.extend(draft.volume);
    }
}

/// Sets one of the keys that make a service a member of a cluster; `null` of its role ends the membership.
pub(super) fn set(service: &mut Service, key: &str, value: &Value) -> Result<(), String> {
    let is_null = value.is_null();
    if key == "clusterRole" {
        if is_null {
            service.cluster = None;
            return Ok(());
        }
        let role: ClusterRole = serde_json::from_value(value.clone())
            .map_err(|error| format!("`clusterRole`: {error}"))?;
        membership(service).role = role;
        return Ok(());
    }
    if is_null {
        if let Some(cluster) = &mut service.cluster {
            match key {
                "parentServiceId" => cluster.parent = None,
                _ => cluster.wiring = None,
            }
        }
        return Ok(());
    }
    match (key, value) {
        ("parentServiceId", Value::String(parent)) => {
            membership(service).parent = Some(parent.clone());
        }
        ("parentServiceId", _) => return Err("`parentServiceId` is not a string".to_owned()),
        _ => membership(service).wiring = Some(value.clone()),
    }
    Ok(())
}

fn membership(service: &mut Service) -> &mut Membership {
    // Whoever has a parent and no role yet is some replica; the role comes with the same patch.
    let begun = Membership { role: ClusterRole::Replica, parent: None, wiring: None };
    service.cluster.get_or_insert(begun)
}

/// Returns a client's patch without what Railway silently drops of it.
///
/// Only its own workflows say who belongs to whose cluster: on the public way `parentServiceId` is lost.
pub(crate) fn as_taken(patch: &Value) -> Value {
    let mut patch = patch.clone();
    let services = patch.get_mut("services").and_then(Value::as_object_mut);
    for change in services.into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(change) = change.as_object_mut() {
            change.remove("parentServiceId");
        }
    }
    patch
}
