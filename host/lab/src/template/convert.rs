//! Making a service the root of a cluster: the patch that is staged, and the services that it creates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::deploy::{filled, free_name, volume};
use super::wanted::Wanted;
use crate::registry::Image;
use crate::state::{ClusterRole, Draft, Service, Source, State};

const SINGLE: &str = "railwayapp-templates/postgres-ssl";
const NODE: &str = "railwayapp-templates/postgres-ha/postgres-patroni";
const MAJORS: std::ops::RangeInclusive<u8> = 14..=18;
/// Leads to the public endpoint, without which it is left out.
const PUBLIC_URL: &str = "DATABASE_PUBLIC_URL";

/// Returns the patch that makes `root` the root of the cluster that `wanted` describes; what it creates is drafted.
///
/// Known is that the root keeps its data and its id, that the others are new, that references to the root's variables
/// go to the front's variable of the same name, whether it has one or not, that a public endpoint goes to the front,
/// and what the root's image must be. Assumed is that Railway itself refuses another image or a start command, as its
/// own tools do; that every server gets the cluster's image of the root's major version; and that a variable which the
/// root has already keeps its value, whatever the template says.
pub(super) fn patch(
    state: &mut State,
    root: &str,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<Value, String> {
    let service = state.service(root).ok_or("Service not found")?.clone();
    if service.cluster.is_some() {
        return Err(format!("\"{}\" is in a cluster already", service.name));
    }
    let image = node_image(&service)?;
    let is = |role| move |wanted: &&Wanted| wanted.role == Some(role);
    let its_root =
        wanted.iter().find(is(ClusterRole::Root)).ok_or("the template has no root of a cluster")?;
    let others: Vec<&Wanted> = wanted.iter().filter(|one| one.name != its_root.name).collect();
    let ids: Vec<String> = others.iter().map(|_| state.id()).collect();
    let mut names = BTreeMap::from([(its_root.name.clone(), service.name.clone())]);
    for (other, id) in others.iter().zip(&ids) {
        names.insert(other.name.clone(), free_name(state, &other.name, id));
    }
    let mut services = Map::new();
    let mut volumes = Map::new();
    for (other, id) in others.iter().zip(&ids) {
        let draft = draft(state, other, id, &names, now)?;
        let mut change = json!({
            "isCreated": true,
            "clusterRole": other.role,
            "parentServiceId": root,
            "source": { "image": other.source.image },
            "variables": variables(state, other, id, &names, &service)?,
            "deploy": other.settings,
        });
        if other.role == Some(ClusterRole::Replica) {
            put(&mut change, &["source", "image"], json!(image));
        }
        if other.role == Some(ClusterRole::Edge) {
            for proxy in &service.proxies {
                let port = proxy.application_port.to_string();
                put(&mut change, &["networking", "tcpProxies", &port], json!({}));
            }
        }
        if let Some(volume) = &draft.volume {
            let mount = json!({ "mountPath": volume.mount });
            put(&mut change, &["volumeMounts", &volume.id], mount);
            volumes.insert(volume.id.clone(), json!({ "isCreated": true }));
        }
        services.insert(id.clone(), change);
        state.drafts.push(draft);
    }
    services.insert(root.to_owned(), of_root(state, &service, its_root, &image, &names)?);
    let mut patch = json!({ "services": services, "volumes": volumes });
    if let Some(edge) = wanted.iter().find(is(ClusterRole::Edge)) {
        let edge = names.get(&edge.name).unwrap_or(&edge.name).clone();
        move_references(&mut patch, state, &service, &edge);
    }
    Ok(patch)
}

/// Puts into `patch` what makes every other service's variable that refers to `from` refer to the service named `to`.
pub(super) fn move_references(patch: &mut Value, state: &State, from: &Service, to: &str) {
    for other in &state.services {
        let of_cluster =
            other.cluster.as_ref().is_some_and(|it| it.parent.as_deref() == Some(&from.id));
        if other.id == from.id || of_cluster {
            continue;
        }
        for (name, variable) in &other.variables {
            // Replacing fails only where the replacement does, and this one never does.
            let moved = crate::reference::replaced(&variable.value, |inside| {
                let (service, variable) = crate::reference::parts(inside);
                let ours = service.is_some_and(|it| it == from.name || it == from.id);
                let text = if ours { format!("{to}.{variable}") } else { inside.to_owned() };
                Ok(format!("${{{{{text}}}}}"))
            });
            let Ok(moved) = moved else { continue };
            let again = crate::reference::references(&moved);
            if again != crate::reference::references(&variable.value) {
                put(patch, &["services", &other.id, "variables", name], json!({ "value": moved }));
            }
        }
    }
}

/// Sets a value deep in `target`, where whatever is missing on the way is made.
pub(super) fn put(target: &mut Value, way: &[&str], value: Value) {
    let patch = way.iter().rev().fold(value, |inner, key| json!({ *key: inner }));
    crate::config::merge(target, &patch);
}

fn node_image(root: &Service) -> Result<String, String> {
    let refused = |why: &str| format!("\"{}\" can't be converted: {why}", root.name);
    if root.settings.get("startCommand").and_then(Value::as_str).is_some_and(|it| !it.is_empty()) {
        return Err(refused("a custom start command overrides the entry point"));
    }
    let image = root.source.image.as_deref().map(Image::parse);
    let ours = image.filter(|image| [SINGLE, NODE].contains(&image.repository.as_str()));
    let image = ours.ok_or_else(|| refused("its image is no official Postgres image"))?;
    let major = image.tag.parse::<u8>().ok().filter(|major| MAJORS.contains(major));
    match major {
        Some(major) if image.digest.is_none() => Ok(format!("ghcr.io/{NODE}:{major}")),
        Some(_) | None => Err(refused("its image must be pinned to a major version, 14 to 18")),
    }
}

fn of_root(
    state: &State,
    root: &Service,
    wanted: &Wanted,
    image: &str,
    names: &BTreeMap<String, String>,
) -> Result<Value, String> {
    let mut added = Map::new();
    for (name, text) in &wanted.variables {
        if !root.variables.contains_key(name) {
            let text = filled(text, state.seed, &format!("{}.{name}", root.id), names)?;
            added.insert(name.clone(), json!({ "value": text }));
        }
    }
    let mut change = json!({
        "clusterRole": ClusterRole::Root,
        "clusterWiring": wanted.wiring,
        "source": { "image": image },
        "variables": added,
    });
    for proxy in &root.proxies {
        let port = proxy.application_port.to_string();
        put(&mut change, &["networking", "tcpProxies", &port], Value::Null);
    }
    Ok(change)
}

fn variables(
    state: &State,
    wanted: &Wanted,
    id: &str,
    names: &BTreeMap<String, String>,
    root: &Service,
) -> Result<Map<String, Value>, String> {
    let mut variables = Map::new();
    for (name, text) in &wanted.variables {
        if name == PUBLIC_URL && root.proxies.is_empty() {
            continue;
        }
        let text = filled(text, state.seed, &format!("{id}.{name}"), names)?;
        variables.insert(name.clone(), json!({ "value": text }));
    }
    Ok(variables)
}

fn draft(
    state: &mut State,
    wanted: &Wanted,
    id: &str,
    names: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Draft, String> {
    let name = names.get(&wanted.name).unwrap_or(&wanted.name).clone();
    let address = state
        .free_address()
        .ok_or_else(|| format!("no address is left in the lab for service `{name}`"))?;
    let volume = wanted.mount.as_ref().map(|mount| volume(state, &name, None, mount, now));
    let service = Service {
        id: id.to_owned(),
        instance_id: state.id(),
        name,
        address,
        source: Source::default(),
        settings: Map::new(),
        variables: BTreeMap::new(),
        public_port: None,
        proxies: Vec::new(),
        cluster: None,
        created_at: now,
        updated_at: now,
    };
    Ok(Draft { service, volume })
}
