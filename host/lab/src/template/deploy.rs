//! Deploying a template: a workflow that makes the services and sets their first deployments going.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::catalogue::Template;
use super::generate::generated;
use super::wanted::{Unfit, Wanted};
use crate::identity;
use crate::reference;
use crate::state::{
    Service, State, TcpProxy, Trigger, Variable, Volume, VolumeState, Workflow, WorkflowStatus,
};
use crate::twin::Twin;

/// How much longer than a state of a deployment each state of the workflow lasts.
const PACES: u32 = 10;
const VOLUME_MB: u32 = 5_000;

/// Runs the workflow. It is over before the deployments are.
pub(crate) async fn deploy(twin: Arc<Twin>, workflow: String, wanted: Vec<Wanted>) {
    // Whoever asks this early is told that there is no such workflow.
    tokio::time::sleep(twin.pace * PACES).await;
    twin.write(|state| {
        let id = workflow.clone();
        state.workflows.push(Workflow { id, status: WorkflowStatus::Running, error: None });
    });
    tokio::time::sleep(twin.pace * PACES).await;
    let now = twin.clock.stamp();
    twin.write(|state| {
        let mut next = state.clone();
        let error = match create(&mut next, &wanted, now) {
            Ok(services) => {
                crate::deploy::deploy_all(&mut next, &services, Trigger::Deploy, now);
                *state = next;
                None
            }
            Err(error) => Some(error),
        };
        if let Some(found) = state.workflows.iter_mut().find(|found| found.id == workflow) {
            found.status =
                if error.is_some() { WorkflowStatus::Error } else { WorkflowStatus::Complete };
            found.error = error;
        }
    });
}

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
fn create(state: &mut State, wanted: &[Wanted], now: Timestamp) -> Result<Vec<String>, String> {
    let mut names = BTreeMap::new();
    let mut ids = Vec::new();
    for service in wanted {
        let id = state.id();
        names.insert(service.name.clone(), free_name(state, &service.name, &id));
        ids.push(id);
    }
    for (service, id) in wanted.iter().zip(&ids) {
        let name = names.get(&service.name).unwrap_or(&service.name).clone();
        let address = state
            .free_address()
            .ok_or_else(|| format!("no address is left in the lab for service `{name}`"))?;
        let mut variables = BTreeMap::new();
        for (variable, value) in &service.variables {
            let what = format!("{id}.{variable}");
            let value = reference::replaced(value, |inside| {
                generated(inside, state.seed, &what).unwrap_or_else(|| Ok(renamed(inside, &names)))
            })?;
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
            created_at: now,
            updated_at: now,
        };
        state.services.push(made);
        if let Some(mount) = &service.mount {
            let volume = Volume {
                id: state.id(),
                instance_id: state.id(),
                name: format!("{name}-volume"),
                service_id: Some(id.clone()),
                mount: mount.clone(),
                size_mb: VOLUME_MB,
                state: VolumeState::Ready,
                created_at: now,
                deleted_at: None,
            };
            state.volumes.push(volume);
        }
    }
    state.updated_at = now;
    Ok(ids)
}

/// The template's name for a service, with four letters added where another service has it.
fn free_name(state: &State, name: &str, id: &str) -> String {
    if state.services.iter().all(|service| service.name != name) {
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
