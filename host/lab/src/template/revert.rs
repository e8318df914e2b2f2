//! Making the root of a cluster a service of its own again: the patch that is staged.

use serde_json::{Value, json};

use super::convert::{move_references, put};
use crate::state::{ClusterRole, State};

/// What a single server has no use for.
const OF_CLUSTERS: [&str; 2] = ["PATRONI_", "WATCHDOG_"];

/// Returns the patch that takes the conversion of `root` back.
///
/// Known is that every other member is deleted, that references and the public endpoint come back, and that nothing
/// here asks who leads: that the newest data may be another member's is for whoever reverts to see. Assumed is that the
/// members' volumes go with them, that the root keeps the cluster's image, which runs a single server without
/// `PATRONI_ENABLED`, and that of its variables those of Patroni and its watchdog are removed.
pub(super) fn patch(state: &State, root: &str) -> Result<Value, String> {
    let service = state.service(root).ok_or("Service not found")?;
    let is_root = service.cluster.as_ref().is_some_and(|cluster| cluster.role == ClusterRole::Root);
    if !is_root {
        return Err(format!("\"{}\" is not the root of a cluster", service.name));
    }
    let mut patch = json!({});
    put(&mut patch, &["services", root], json!({ "clusterRole": null, "clusterWiring": null }));
    for name in service.variables.keys() {
        if OF_CLUSTERS.iter().any(|start| name.starts_with(start)) {
            put(&mut patch, &["services", root, "variables", name], Value::Null);
        }
    }
    for member in state.members(root) {
        put(&mut patch, &["services", &member.id], json!({ "isDeleted": true }));
        if let Some(volume) = state.volume_of(&member.id) {
            put(&mut patch, &["volumes", &volume.id], json!({ "isDeleted": true }));
        }
        if member.cluster.as_ref().is_some_and(|cluster| cluster.role == ClusterRole::Edge) {
            for proxy in &member.proxies {
                let port = proxy.application_port.to_string();
                put(&mut patch, &["services", root, "networking", "tcpProxies", &port], json!({}));
            }
            back(&mut patch, state, root, member, &service.name);
        }
    }
    Ok(patch)
}

/// Brings references to the front back to the root; those of the cluster's own members go with them.
fn back(patch: &mut Value, state: &State, root: &str, edge: &crate::state::Service, name: &str) {
    let mut moved = json!({});
    move_references(&mut moved, state, edge, name);
    let members: Vec<&str> =
        state.members(root).map(|member| member.id.as_str()).chain([root]).collect();
    if let Some(services) = moved.get_mut("services").and_then(Value::as_object_mut) {
        services.retain(|id, _| !members.contains(&id.as_str()));
    }
    crate::config::merge(patch, &moved);
}
