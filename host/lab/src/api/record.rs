//! What the lab tells of each object: its scalars as a record, its neighbours as relations.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Answered, Arguments, Node, flag, leaf};
use super::page::page;
use super::refusal::Refusal;
use crate::clock::printed;
use crate::config::{self, Values};
use crate::state::{Deployment, Patch, Service, State, Status, Token, Variable, Volume};

/// Returns the answer to `field` where it leads to another object, or depends on arguments.
pub(crate) fn relation(
    state: &State,
    node: &Node,
    field: &str,
    arguments: &Arguments,
) -> Option<Answered> {
    match (node, field) {
        (Node::Project, "environments") => Some(environments(state, arguments)),
        (Node::Project, "services") => {
            Some(services(state.with_drafts(), Node::Service, arguments))
        }
        (Node::Project, "volumes") => Some(volumes(state, Node::Volume, arguments)),
        (Node::Environment, "serviceInstances") => {
            Some(services(state.services.iter(), Node::ServiceInstance, arguments))
        }
        (Node::Environment, "volumeInstances") => {
            Some(volumes(state, Node::VolumeInstance, arguments))
        }
        (Node::Environment, "deployments") => {
            Some(deployments(state.deployments.iter().rev(), arguments))
        }
        (Node::Environment, "variables") => Some(variables(state, arguments)),
        (Node::Environment, "config") => {
            let values =
                if flag(arguments, "decryptVariables") { Values::Shown } else { Values::Hidden };
            Some(leaf(config::document(state, values)))
        }
        (Node::ServiceInstance(id), "latestDeployment") => {
            let latest = state.deployments_of(id).next_back();
            Some(Ok(Answer::One(latest.map(|latest| Node::Deployment(latest.id.clone())))))
        }
        (Node::ServiceInstance(id), "activeDeployments") => {
            let active =
                state.deployments_of(id).rev().filter(|deployment| deployment.status.active());
            Some(Ok(Answer::Many(
                active.map(|active| Node::Deployment(active.id.clone())).collect(),
            )))
        }
        (Node::ServiceInstance(id), "service") => {
            Some(Ok(Answer::One(Some(Node::Service(id.clone())))))
        }
        (Node::Deployment(id), "service") => {
            let service = state.deployment(id).map(|deployment| deployment.service_id.clone());
            Some(Ok(Answer::One(service.map(Node::Service))))
        }
        (Node::VolumeInstance(id), "volume") => {
            Some(Ok(Answer::One(Some(Node::Volume(id.clone())))))
        }
        (Node::VolumeInstance(id), "service") => {
            let service = state.volumes.iter().find(|volume| volume.id == *id)?.service_id.clone();
            Some(match service {
                Some(service) => Ok(Answer::One(Some(Node::Service(service)))),
                None => Err(Refusal::NotFound("Service")),
            })
        }
        (Node::Record(patch), "patch") => {
            let mut patch = patch.get("patch").cloned().unwrap_or_default();
            if !flag(arguments, "decryptVariables") {
                hide(&mut patch);
            }
            Some(leaf(patch))
        }
        // There is one of each, so every object's is the same.
        (Node::Record(_) | Node::Deployment(_) | Node::VolumeInstance(_), "environment") => {
            Some(Ok(Answer::One(Some(Node::Environment))))
        }
        (Node::Record(_) | Node::Service(_) | Node::Volume(_), "project") => {
            Some(Ok(Answer::One(Some(Node::Project))))
        }
        _ => None,
    }
}

/// Returns the scalars of `node`.
pub(crate) fn of(state: &State, node: &Node) -> Result<Map<String, Value>, Refusal> {
    let record = match node {
        Node::Project => project(state),
        Node::Environment => environment(state),
        Node::Service(id) => {
            service(state, state.service_or_draft(id).ok_or(Refusal::NotFound("Service"))?)
        }
        Node::ServiceInstance(id) => {
            instance(state, state.service(id).ok_or(Refusal::NotFound("ServiceInstance"))?)
        }
        Node::Deployment(id) => {
            deployment(state, state.deployment(id).ok_or(Refusal::NotFound("Deployment"))?)
        }
        Node::Volume(id) => volume(state, found(state, id)?),
        Node::VolumeInstance(id) => volume_instance(state, found(state, id)?),
        Node::Record(record) => Value::Object(record.clone()),
        Node::Query | Node::Mutation | Node::Page(_) | Node::Edge(..) => Value::Null,
    };
    match record {
        Value::Object(record) => Ok(record),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(Map::new())
        }
    }
}

pub(crate) fn environments(state: &State, arguments: &Arguments) -> Answered {
    let all = match arguments.get("isEphemeral").and_then(Value::as_bool) {
        Some(true) => Vec::new(),
        Some(false) | None => vec![(state.environment_id.clone(), Node::Environment)],
    };
    page(all, arguments)
}

pub(crate) fn deployments<'d>(
    all: impl Iterator<Item = &'d Deployment>,
    arguments: &Arguments,
) -> Answered {
    page(all.map(|one| (one.id.clone(), Node::Deployment(one.id.clone()))).collect(), arguments)
}

fn services<'s>(
    all: impl Iterator<Item = &'s Service>,
    node: fn(String) -> Node,
    arguments: &Arguments,
) -> Answered {
    page(all.map(|one| (one.id.clone(), node(one.id.clone()))).collect(), arguments)
}

fn volumes(state: &State, node: fn(String) -> Node, arguments: &Arguments) -> Answered {
    let present = state.volumes.iter().filter(|volume| volume.deleted_at.is_none());
    page(present.map(|one| (one.id.clone(), node(one.id.clone()))).collect(), arguments)
}

fn project(state: &State) -> Value {
    json!({
        "id": state.project_id,
        "name": state.project_name,
        "description": "a Lockstep lab: a stand-in for Railway on this machine",
        "workspaceId": state.workspace_id,
        "primaryEnvironmentId": state.environment_id,
        "baseEnvironmentId": state.environment_id,
        "subscriptionType": "pro",
        "isPublic": false,
        "isTempProject": false,
        "prDeploys": false,
        "deletedAt": null,
        "expiredAt": null,
        "createdAt": printed(state.created_at),
        "updatedAt": printed(state.updated_at),
    })
}

fn environment(state: &State) -> Value {
    json!({
        "id": state.environment_id,
        "name": state.environment_name,
        "projectId": state.project_id,
        "isEphemeral": false,
        "canAccess": true,
        "deletedAt": null,
        "createdAt": printed(state.created_at),
        "updatedAt": printed(state.updated_at),
        "configEtag": config::etag(state),
        "unmergedChangesCount": state.staged.as_ref().map_or(0, |staged| config::leaves(&staged.config)),
    })
}

fn service(state: &State, service: &Service) -> Value {
    json!({
        "id": service.id,
        "name": service.name,
        "projectId": state.project_id,
        "icon": null,
        "groupId": null,
        "templateId": null,
        "templateServiceId": null,
        "deletedAt": null,
        "createdAt": printed(service.created_at),
        "updatedAt": printed(service.updated_at),
    })
}

fn instance(state: &State, service: &Service) -> Value {
    let set = |name: &str| service.settings.get(name).cloned().unwrap_or(Value::Null);
    let or =
        |name: &str, otherwise: Value| service.settings.get(name).cloned().unwrap_or(otherwise);
    let source = (!service.source.is_empty())
        .then(|| json!({ "image": service.source.image, "repo": service.source.repo }));
    json!({
        "id": service.instance_id,
        "serviceId": service.id,
        "serviceName": service.name,
        "environmentId": state.environment_id,
        "source": source,
        "startCommand": set("startCommand"),
        "preDeployCommand": set("preDeployCommand"),
        "buildCommand": set("buildCommand"),
        "builder": or("builder", json!("RAILPACK")),
        "dockerfilePath": set("dockerfilePath"),
        "rootDirectory": set("rootDirectory"),
        "watchPatterns": or("watchPatterns", json!([])),
        "healthcheckPath": set("healthcheckPath"),
        "healthcheckTimeout": set("healthcheckTimeout"),
        "restartPolicyType": or("restartPolicyType", json!("ON_FAILURE")),
        "restartPolicyMaxRetries": or("restartPolicyMaxRetries", json!(10)),
        "numReplicas": or("numReplicas", json!(1)),
        "region": set("region"),
        "overlapSeconds": set("overlapSeconds"),
        "drainingSeconds": set("drainingSeconds"),
        "sleepApplication": or("sleepApplication", json!(false)),
        "cronSchedule": set("cronSchedule"),
        "railwayConfigFile": set("railwayConfigFile"),
        "isUpdatable": true,
        "deletedAt": null,
        "createdAt": printed(service.created_at),
        "updatedAt": printed(service.updated_at),
        "domains": domains(state, service),
    })
}

pub(crate) fn domains(state: &State, service: &Service) -> Value {
    let public: Vec<_> = service
        .public_port
        .iter()
        .map(|port| {
            json!({
                "id": crate::identity::uuid(state.seed, &format!("domain {}", service.id)),
                "domain": format!("{}:{port}", service.address),
                "targetPort": port,
                "environmentId": state.environment_id,
                "projectId": state.project_id,
                "serviceId": service.id,
                "syncStatus": "ACTIVE",
                "suffix": null,
                "createdAt": printed(service.created_at),
                "updatedAt": printed(service.created_at),
                "deletedAt": null,
            })
        })
        .collect();
    json!({ "serviceDomains": public, "customDomains": [] })
}

fn deployment(state: &State, deployment: &Deployment) -> Value {
    let now_serving =
        state.serving(&deployment.service_id).is_some_and(|serving| serving.id == deployment.id);
    let can_roll_back = deployment.was_live && !now_serving && deployment.status == Status::Removed;
    let url = state
        .service(&deployment.service_id)
        .and_then(|service| Some(format!("{}:{}", service.address, service.public_port?)));
    json!({
        "id": deployment.id,
        "status": deployment.status,
        "statusUpdatedAt": printed(deployment.status_at),
        "createdAt": printed(deployment.created_at),
        "updatedAt": printed(deployment.status_at),
        "deploymentStopped": deployment.stopped,
        "canRollback": can_roll_back,
        "canRedeploy": !deployment.status.in_progress(),
        "serviceId": deployment.service_id,
        "environmentId": state.environment_id,
        "projectId": state.project_id,
        "snapshotId": deployment.snapshot_id,
        "url": url,
        "staticUrl": url,
        "diagnosis": null,
        "suggestAddServiceDomain": false,
        "meta": meta(deployment),
        "instances": [{ "id": deployment.container(state.seed), "status": deployment.instance }],
    })
}

/// Returns the untyped `meta`; a pinned image's digest is in its name only.
fn meta(deployment: &Deployment) -> Value {
    let mut meta = Map::new();
    let deploy: Map<_, _> =
        deployment.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    meta.insert("serviceManifest".to_owned(), json!({ "deploy": deploy }));
    if let Some(repo) = &deployment.source.repo {
        meta.insert("repo".to_owned(), json!(repo));
        meta.insert("branch".to_owned(), json!("main"));
        meta.insert("commitHash".to_owned(), json!(crate::deploy::commit(repo)));
    }
    if let Some(image) = &deployment.source.image {
        meta.insert("image".to_owned(), json!(image));
        if let Some(digest) = deployment.digest.as_ref().filter(|_| !image.contains('@')) {
            meta.insert("imageDigest".to_owned(), json!(digest));
        }
    }
    Value::Object(meta)
}

fn found<'s>(state: &'s State, id: &str) -> Result<&'s Volume, Refusal> {
    state.volumes.iter().find(|volume| volume.id == id).ok_or(Refusal::NotFound("Volume"))
}

fn volume(state: &State, volume: &Volume) -> Value {
    json!({
        "id": volume.id,
        "name": volume.name,
        "projectId": state.project_id,
        "createdAt": printed(volume.created_at),
    })
}

fn volume_instance(state: &State, volume: &Volume) -> Value {
    json!({
        "id": volume.instance_id,
        "volumeId": volume.id,
        "serviceId": volume.service_id,
        "environmentId": state.environment_id,
        "mountPath": volume.mount,
        "region": null,
        "sizeMB": volume.size_mb,
        "currentSizeMB": 0.0,
        "state": volume.state,
        "deletedAt": volume.deleted_at.map(printed),
        "isPendingDeletion": false,
        "externalId": null,
        "createdAt": printed(volume.created_at),
    })
}

pub(crate) fn patch(state: &State, patch: &Patch) -> Map<String, Value> {
    let record = json!({
        "id": patch.id,
        "status": patch.status,
        "message": patch.message,
        "patch": patch.config,
        "environmentId": state.environment_id,
        "createdAt": printed(patch.created_at),
        "updatedAt": printed(patch.updated_at),
        "appliedAt": patch.applied_at.map(printed),
        "lastAppliedError": patch.last_error,
    });
    record.as_object().cloned().unwrap_or_default()
}

/// Returns what is told of a token: never its value.
pub(crate) fn token(state: &State, token: &Token) -> Map<String, Value> {
    let shown: String = token.value.chars().take(4).collect();
    let record = json!({
        "id": token.id,
        "name": token.name,
        "displayToken": format!("{shown}****"),
        "projectId": state.project_id,
        "environmentId": state.environment_id,
        "createdAt": printed(token.created_at),
    });
    record.as_object().cloned().unwrap_or_default()
}

fn variables(state: &State, arguments: &Arguments) -> Answered {
    let record = |service: Option<&Service>, name: &String, variable: &Variable| {
        let owner = service.map_or("shared", |service| service.id.as_str());
        let id = crate::identity::uuid(state.seed, &format!("variable {owner} {name}"));
        let record = json!({
            "id": id,
            "name": name,
            "serviceId": service.map(|service| &service.id),
            "environmentId": state.environment_id,
            "isSealed": variable.sealed,
            "references": crate::reference::references(&variable.value),
            "createdAt": printed(state.created_at),
            "updatedAt": printed(service.map_or(state.updated_at, |service| service.updated_at)),
        });
        (id, Node::Record(record.as_object().cloned().unwrap_or_default()))
    };
    let shared = state.shared.iter().map(|(name, variable)| record(None, name, variable));
    let own = state.services.iter().flat_map(|service| {
        service.variables.iter().map(move |(name, variable)| record(Some(service), name, variable))
    });
    page(shared.chain(own).collect(), arguments)
}

/// Takes the values of variables out of a patch.
fn hide(patch: &mut Value) {
    let Some(map) = patch.as_object_mut() else { return };
    for (key, value) in map {
        if key == "variables" || key == "sharedVariables" {
            for variable in
                value.as_object_mut().into_iter().flat_map(|variables| variables.values_mut())
            {
                if let Some(variable) = variable.as_object_mut() {
                    variable.remove("value");
                }
            }
        } else {
            hide(value);
        }
    }
}
