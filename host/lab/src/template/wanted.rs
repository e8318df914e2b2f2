//! Reading a `serializedConfig`: what its services are to be.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::config;
use crate::state::{ClusterRole, Source};

/// One service of a template, with the client's values in it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) settings: Map<String, Value>,
    /// References and generating functions are still unrendered.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where its volume is mounted, where it has one.
    pub(crate) mount: Option<String>,
    pub(crate) proxies: Vec<u16>,
    pub(crate) public_port: Option<u16>,
    pub(crate) role: Option<ClusterRole>,
    /// How its root names a cluster's members in variables.
    pub(crate) wiring: Option<Value>,
}

/// Why a `serializedConfig` is not deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Railway would refuse it too.
    Wrong(String),
    /// Railway would deploy it, and the lab does not.
    NotServed(String),
}

impl Wanted {
    /// Reads all services of `config`, which may be JSON or, as some clients send it, the text of one.
    pub(crate) fn read(config: &Value) -> Result<Vec<Self>, Unfit> {
        if let Value::String(text) = config {
            let parsed = serde_json::from_str(text);
            let parsed: Value = parsed
                .map_err(|error| Unfit::Wrong(format!("serializedConfig is no JSON: {error}")))?;
            return services(&parsed);
        }
        services(config)
    }
}

fn services(config: &Value) -> Result<Vec<Wanted>, Unfit> {
    let mut wanted = Vec::new();
    for (key, value) in map(config, "serializedConfig")? {
        match key.as_str() {
            "services" => {
                for (id, value) in map(value, key)? {
                    wanted.push(service(id, value)?);
                }
            }
            _ => return Err(not_served(key)),
        }
    }
    Ok(wanted)
}

fn service(id: &str, value: &Value) -> Result<Wanted, Unfit> {
    let mut wanted = Wanted {
        name: String::new(),
        source: Source::default(),
        settings: Map::new(),
        variables: BTreeMap::new(),
        mount: None,
        proxies: Vec::new(),
        public_port: None,
        role: None,
        wiring: None,
    };
    for (key, value) in map(value, id)? {
        match key.as_str() {
            "name" => text(value, key)?.clone_into(&mut wanted.name),
            // A template has one cluster, so its root is everybody's parent.
            "icon" | "description" | "parentServiceId" => {}
            "source" => source(&mut wanted, value)?,
            "deploy" | "build" => {
                for (name, value) in map(value, key)? {
                    if !config::known(key, name) {
                        return Err(not_served(&format!("services.{id}.{key}.{name}")));
                    }
                    config::set(&mut wanted.settings, name, value);
                }
            }
            "variables" => {
                for (name, value) in map(value, key)? {
                    if let Some(value) = variable(name, value)? {
                        wanted.variables.insert(name.clone(), value);
                    }
                }
            }
            "networking" => networking(&mut wanted, id, value)?,
            "clusterRole" => {
                let role = serde_json::from_value(value.clone());
                wanted.role = Some(
                    role.map_err(|error| Unfit::Wrong(format!("clusterRole of {id}: {error}")))?,
                );
            }
            "clusterWiring" => wanted.wiring = Some(value.clone()),
            "volumeMounts" => {
                for (volume, mount) in map(value, key)? {
                    let path = mount.get("mountPath").unwrap_or(&Value::Null);
                    if wanted.mount.replace(text(path, volume)?.to_owned()).is_some() {
                        return Err(Unfit::Wrong("a service can have one volume".to_owned()));
                    }
                }
            }
            _ => return Err(not_served(&format!("services.{id}.{key}"))),
        }
    }
    if wanted.name.is_empty() {
        return Err(Unfit::Wrong(format!("services.{id} has no name")));
    }
    Ok(wanted)
}

fn source(wanted: &mut Wanted, value: &Value) -> Result<(), Unfit> {
    for (key, value) in map(value, "source")? {
        match key.as_str() {
            _ if value.is_null() => {}
            "image" => wanted.source.image = Some(text(value, key)?.to_owned()),
            "repo" => wanted.source.repo = Some(text(value, key)?.to_owned()),
            "rootDirectory" => config::set(&mut wanted.settings, key, value),
            "branch" => {}
            _ => return Err(not_served(&format!("source.{key}"))),
        }
    }
    Ok(())
}

fn networking(wanted: &mut Wanted, id: &str, value: &Value) -> Result<(), Unfit> {
    for (key, value) in map(value, "networking")? {
        match key.as_str() {
            "tcpProxies" => {
                for port in map(value, key)?.keys() {
                    let port = port.parse();
                    let port =
                        port.map_err(|error| Unfit::Wrong(format!("tcpProxies of {id}: {error}")))?;
                    wanted.proxies.push(port);
                }
            }
            "serviceDomains" => {
                let mut ports = map(value, key)?.values().filter_map(|domain| {
                    domain.get("port").and_then(Value::as_u64).and_then(|port| port.try_into().ok())
                });
                wanted.public_port = ports.next();
            }
            _ => return Err(not_served(&format!("services.{id}.networking.{key}"))),
        }
    }
    Ok(())
}

/// The client's value, else the template's; an optional variable without either is left out.
fn variable(name: &str, value: &Value) -> Result<Option<String>, Unfit> {
    let given = |key: &str| value.get(key).filter(|given| !given.is_null());
    match given("value").or_else(|| given("defaultValue")) {
        Some(value) => text(value, name).map(|text| Some(text.to_owned())),
        None if value.get("isOptional").and_then(Value::as_bool) == Some(true) => Ok(None),
        None => Err(Unfit::Wrong(format!("variable `{name}` needs a value"))),
    }
}

fn map<'v>(value: &'v Value, what: &str) -> Result<&'v Map<String, Value>, Unfit> {
    value.as_object().ok_or_else(|| Unfit::Wrong(format!("`{what}` is not an object")))
}

fn text<'v>(value: &'v Value, what: &str) -> Result<&'v str, Unfit> {
    value.as_str().ok_or_else(|| Unfit::Wrong(format!("`{what}` is not a string")))
}

fn not_served(key: &str) -> Unfit {
    Unfit::NotServed(format!("`{key}` of a serializedConfig"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(variables: &Value) -> Result<Vec<Wanted>, Unfit> {
        Wanted::read(&json!({ "services": { "id": { "name": "a", "variables": variables } } }))
    }

    #[test]
    fn the_clients_value_comes_before_the_templates() {
        let wanted = read(&json!({
            "A": { "defaultValue": "theirs", "value": "mine" },
            "B": { "defaultValue": "theirs" },
            "C": { "isOptional": true },
        }));
        let variables = &wanted.unwrap()[0].variables;
        assert_eq!((variables["A"].as_str(), variables["B"].as_str()), ("mine", "theirs"));
        assert!(!variables.contains_key("C"));
        let error = read(&json!({ "D": {} })).unwrap_err();
        assert_eq!(error, Unfit::Wrong("variable `D` needs a value".to_owned()));
    }

    #[test]
    fn what_the_lab_would_have_to_drop_is_refused_by_name() {
        let config = json!({ "services": { "id": { "name": "a", "backupSchedules": [] } } });
        let error = Wanted::read(&config).unwrap_err();
        let text = "`services.id.backupSchedules` of a serializedConfig".to_owned();
        assert_eq!(error, Unfit::NotServed(text));
    }
}
