//! The environment as an `EnvironmentConfig`.

use serde_json::{Map, Value, json};

use super::{BUILD, DEPLOY};
use crate::identity;
use crate::state::{Service, State, Variable};

/// Whether values of variables are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    Shown,
    Hidden,
}

/// Returns the environment's config.
pub(crate) fn document(state: &State, values: Values) -> Value {
    let services: Map<_, _> = state
        .services
        .iter()
        .map(|service| (service.id.clone(), one(state, service, values)))
        .collect();
    let shared: Map<_, _> =
        state.shared.iter().map(|(name, value)| (name.clone(), variable(value, values))).collect();
    let volumes: Map<_, _> = state
        .volumes
        .iter()
        .filter(|volume| volume.deleted_at.is_none())
        .map(|volume| (volume.id.clone(), json!({ "sizeMB": volume.size_mb })))
        .collect();
    json!({ "services": services, "sharedVariables": shared, "volumes": volumes })
}

/// Returns a text that changes with the config and with nothing else.
pub(crate) fn etag(state: &State) -> String {
    identity::hex(&[&document(state, Values::Shown).to_string()]).chars().take(32).collect()
}

fn one(state: &State, service: &Service, values: Values) -> Value {
    let mut config = Map::new();
    let mut source = Map::new();
    if let Some(image) = &service.source.image {
        source.insert("image".to_owned(), json!(image));
    }
    if let Some(repo) = &service.source.repo {
        source.insert("repo".to_owned(), json!(repo));
    }
    config.insert("source".to_owned(), Value::Object(source));
    let variables: Map<_, _> = service
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), variable(value, values)))
        .collect();
    config.insert("variables".to_owned(), Value::Object(variables));
    for (section, names) in [("deploy", DEPLOY), ("build", BUILD)] {
        let settings: Map<_, _> = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), service.settings.get(*name)?.clone())))
            .collect();
        if !settings.is_empty() {
            config.insert(section.to_owned(), Value::Object(settings));
        }
    }
    let domains: Map<_, _> = service
        .public_port
        .iter()
        .map(|port| (format!("{}:{port}", service.address), json!({ "port": port })))
        .collect();
    let proxies: Map<_, _> = service
        .proxies
        .iter()
        .map(|proxy| (proxy.application_port.to_string(), json!({})))
        .collect();
    if !domains.is_empty() || !proxies.is_empty() {
        config.insert(
            "networking".to_owned(),
            json!({ "serviceDomains": domains, "tcpProxies": proxies }),
        );
    }
    if let Some(volume) = state.volume_of(&service.id) {
        config.insert(
            "volumeMounts".to_owned(),
            json!({ volume.id.clone(): { "mountPath": volume.mount } }),
        );
    }
    if let Some(cluster) = &service.cluster {
        config.insert("clusterRole".to_owned(), json!(cluster.role));
        if let Some(parent) = &cluster.parent {
            config.insert("parentServiceId".to_owned(), json!(parent));
        }
        if let Some(wiring) = &cluster.wiring {
            config.insert("clusterWiring".to_owned(), wiring.clone());
        }
    }
    Value::Object(config)
}

fn variable(variable: &Variable, values: Values) -> Value {
    match (variable.sealed, values) {
        (true, _) => json!({ "isSealed": true }),
        (false, Values::Shown) => json!({ "value": variable.value }),
        (false, Values::Hidden) => json!({}),
    }
}
