//! Making a template's services.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::catalogue::Template;
use super::generate::generated;
use super::wanted::{Unfit, Wanted};
use crate::identity;
use crate::reference;
use crate::state::{
    ClusterRole, Membership, Service, State, TcpProxy, Variable, Volume, VolumeState,
};

const VOLUME_MB: u32 = 5_000;

/// Makes the services of the template with this code, without deploying them.
pub(crate) fn add(state: &mut State, code: &str, now: Timestamp) -> Result<(), String> {
    let template =
        Template::of_code(code).ok_or_else(|| format!("no template has the code `{code}`"))?;
    let config = serde_json::from_str(template.config).map_err(|error| error.to_string())?;
    let wanted = Wanted::read(&config).map_err(|unfit| match unfit {
        Unfit::Wrong(why) | Unfit::NotServed(why) => why,
    })?;
    create(state, &wanted, now).map(drop)
}

/// Makes the services with their volumes and returns their ids.
pub(super) fn create(
    state: &mut State,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<Vec<String>, String> {
    let mut names = BTreeMap::new();
    let mut ids = Vec::new();
    for service in wanted {
        let id = state.id();
        names.insert(service.name.clone(), free_name(state, &service.name, &id));
        ids.push(id);
    }
    let root = wanted.iter().position(|service| service.role == Some(ClusterRole::Root));
    let root = root.and_then(|at| ids.get(at)).cloned();
    for (service, id) in wanted.iter().zip(&ids) {
        let name = names.get(&service.name).unwrap_or(&service.name).clone();
        let address = state
            .free_address()
            .ok_or_else(|| format!("no address is left in the lab for service `{name}`"))?;
        let mut variables = BTreeMap::new();
        for (variable, value) in &service.variables {
            let value = filled(value, state.seed, &format!("{id}.{variable}"), &names)?;
            variables.insert(variable.clone(), Variable::plain(value));
        }
        let proxies = service.proxies.iter().map(|port| TcpProxy {
            id: identity::uuid(u64::from(*port), id),
            application_port: *port,
        });
        let made = Service {
            id: id.clone(),
            instance_id: state.id(),
            name: name.clone(),
            address,
            source: service.source.clone(),
            settings: service.settings.clone(),
            variables,
            public_port: service.public_port,
            proxies: proxies.collect(),
            cluster: service.role.map(|role| Membership {
                role,
                parent: root.clone().filter(|root| root != id),
                wiring: service.wiring.clone(),
            }),
            created_at: now,
            updated_at: now,
        };
        state.services.push(made);
        if let Some(mount) = &service.mount {
            let volume = volume(state, &name, Some(id), mount, now);
            state.volumes.push(volume);
        }
    }
    state.updated_at = now;
    Ok(ids)
}

/// A volume for the service of this name.
pub(super) fn volume(
    state: &mut State,
    name: &str,
    service: Option<&str>,
    mount: &str,
    now: Timestamp,
) -> Volume {
    Volume {
        id: state.id(),
        instance_id: state.id(),
        name: format!("{name}-volume"),
        service_id: service.map(str::to_owned),
        mount: mount.to_owned(),
        size_mb: VOLUME_MB,
        state: VolumeState::Ready,
        created_at: now,
        deleted_at: None,
    }
}

/// A variable's text with what it generates, and with references to the names that the services have got.
pub(super) fn filled(
    text: &str,
    seed: u64,
    what: &str,
    names: &BTreeMap<String, String>,
) -> Result<String, String> {
    reference::replaced(text, |inside| {
        generated(inside, seed, what).unwrap_or_else(|| Ok(renamed(inside, names)))
    })
}

/// The template's name for a service, with four letters added where another service has it.
pub(super) fn free_name(state: &State, name: &str, id: &str) -> String {
    if state.with_drafts().all(|service| service.name != name) {
        return name.to_owned();
    }
    let letters: String = identity::secret(state.seed, id).chars().take(4).collect();
    format!("{name}-{letters}")
}

/// A reference, to the name that the service has got.
fn renamed(inside: &str, names: &BTreeMap<String, String>) -> String {
    match reference::parts(inside) {
        (Some(service), name) => {
            format!("${{{{{}.{name}}}}}", names.get(service).map_or(service, String::as_str))
        }
        (None, name) => format!("${{{{{name}}}}}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reference::{Reader, rendered};

    fn wanted() -> Vec<Wanted> {
        let config = json!({ "services": {
            "1": { "name": "db", "variables": { "PASSWORD": { "defaultValue": "${{secret(12)}}" } },
                   "volumeMounts": { "1": { "mountPath": "/data" } } },
            "2": { "name": "app", "variables": { "URL": { "defaultValue": "db://${{db.PASSWORD}}@${{db.RAILWAY_PRIVATE_DOMAIN}}" } } },
        } });
        Wanted::read(&config).unwrap()
    }

    #[test]
    fn a_second_deployment_of_a_template_has_names_and_secrets_of_its_own() {
        let now: Timestamp = "2026-08-21T12:00:00Z".parse().unwrap();
        let mut state = State::new("as-run", 1, 9, now);
        let urls: Vec<String> = (0..2)
            .map(|_| {
                let made = create(&mut state, &wanted(), now).unwrap();
                let app = state.service(&made[1]).unwrap();
                rendered(&state, app, Reader::Process)["URL"].clone()
            })
            .collect();
        assert_eq!(state.services.len(), 4);
        assert!(state.services[2].name.starts_with("db-"), "{}", state.services[2].name);
        assert_eq!(state.volume_of(&state.services[2].id).unwrap().mount, "/data");
        assert!(urls[0].ends_with("@127.77.9.11") && urls[1].ends_with("@127.77.9.13"), "{urls:?}");
        assert_ne!(urls[0].get(..17), urls[1].get(..17));
    }
}
