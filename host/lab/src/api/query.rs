//! The queries.

use serde_json::{Value, json};

use super::answer::{Answer, Answered, Arguments, Node, flag, input, leaf, required, text};
use super::object::World;
use super::page::page;
use super::refusal::Refusal;
use super::{logs, record};
use crate::clock::printed;
use crate::reference::{self, Reader};
use crate::state::{Header, State, WorkflowStatus};
use crate::template::Template;

pub(super) fn answer(world: &World<'_>, field: &str, arguments: &Arguments) -> Answered {
    let state = world.state.borrow();
    let state: &State = &state;
    check_ids(world, state, arguments)?;
    match field {
        "projectToken" if world.caller.token.header == Header::ProjectAccessToken => {
            Ok(Answer::One(Some(Node::Record(record::token(state, &world.caller.token)))))
        }
        "apiToken" if world.caller.token.header == Header::Bearer => {
            leaf(json!({ "workspaces": [{ "id": state.workspace_id, "name": "lockstep-lab" }] }))
        }
        "projectToken" | "apiToken" => Err(Refusal::NotAuthorized),
        "project" => {
            world.caller.project(state, required(arguments, "id")?)?;
            Ok(Answer::One(Some(Node::Project)))
        }
        "projectTokens" => {
            let project_tokens =
                state.tokens.iter().filter(|token| token.header == Header::ProjectAccessToken);
            let all = project_tokens
                .map(|token| (token.id.clone(), Node::Record(record::token(state, token))));
            page(all.collect(), arguments)
        }
        "environments" => record::environments(state, arguments),
        "environment" => {
            world.caller.environment(state, required(arguments, "id")?)?;
            Ok(Answer::One(Some(Node::Environment)))
        }
        "service" => of_project(state, required(arguments, "id")?),
        "serviceInstance" => {
            Ok(Answer::One(Some(Node::ServiceInstance(service(state, arguments, "serviceId")?))))
        }
        "serviceInstanceIsUpdatable" => {
            service(state, arguments, "serviceId")?;
            leaf(true)
        }
        "deployment" => {
            Ok(Answer::One(Some(Node::Deployment(deployment(state, arguments, "id")?))))
        }
        "deployments" => deployments(world, state, arguments),
        "deploymentEvents" => events(state, arguments),
        "deploymentSnapshot" => snapshot(state, arguments),
        "variables" => variables(state, arguments),
        "variablesForServiceDeployment" => {
            let service = state
                .service(required(arguments, "serviceId")?)
                .ok_or(Refusal::NotFound("Service"))?;
            leaf(json!(reference::rendered(state, service, Reader::Caller)))
        }
        "deploymentLogs" => logs::of_deployment(world.twin, state, arguments),
        "buildLogs" => logs::of_build(state, arguments),
        "environmentLogs" => logs::of_environment(world.twin, state, arguments),
        "httpLogs" => logs::of_requests(world.twin, state, arguments),
        "volumeInstance" => {
            let id = required(arguments, "id")?;
            let volume = state.volume_instance(id).ok_or(Refusal::NotFound("VolumeInstance"))?;
            Ok(Answer::One(Some(Node::VolumeInstance(volume.id.clone()))))
        }
        "volumeInstanceBackupList" => backups(state, arguments),
        "volumeInstanceBackupScheduleList" => leaf(json!([])),
        "workflowStatus" => leaf(workflow(state, required(arguments, "workflowId")?)),
        "environmentStagedChanges" => Ok(staged(state)),
        "environmentPatch" => {
            let id = required(arguments, "id")?;
            let mut patches = state.patches.iter().chain(&state.staged);
            let patch = patches
                .find(|patch| patch.id == id)
                .ok_or(Refusal::NotFound("EnvironmentPatch"))?;
            Ok(Answer::One(Some(Node::Record(record::patch(state, patch)))))
        }
        "environmentPatches" => {
            let all = state.patches.iter().rev();
            page(
                all.map(|one| (one.id.clone(), Node::Record(record::patch(state, one)))).collect(),
                arguments,
            )
        }
        "tcpProxies" => tcp_proxies(state, arguments),
        "domains" => {
            let service = state
                .service(required(arguments, "serviceId")?)
                .ok_or(Refusal::NotFound("Service"))?;
            leaf(record::domains(state, service))
        }
        "privateNetworks" => leaf(json!([{
            "publicId": network(state),
            "name": "default",
            "dnsName": "railway.internal",
            "networkId": 1,
            "environmentId": state.environment_id,
            "projectId": state.project_id,
            "tags": [],
            "createdAt": printed(state.created_at),
            "deletedAt": null,
        }])),
        "privateNetworkEndpoint" => endpoint(state, arguments),
        "template" => template(arguments),
        _ => Err(Refusal::NotServed(format!("`Query.{field}`"))),
    }
}

/// Checks `projectId` and `environmentId` wherever a query has them.
fn check_ids(world: &World<'_>, state: &State, arguments: &Arguments) -> Result<(), Refusal> {
    if let Some(id) = text(arguments, "projectId") {
        world.caller.project(state, id)?;
    }
    if let Some(id) = text(arguments, "environmentId") {
        world.caller.environment(state, id)?;
    }
    Ok(())
}

fn service(state: &State, arguments: &Arguments, name: &str) -> Result<String, Refusal> {
    let id = required(arguments, name)?;
    state.service(id).map(|service| service.id.clone()).ok_or(Refusal::NotFound("Service"))
}

/// Answers with a service of the project, which may be one that is only staged.
fn of_project(state: &State, id: &str) -> Answered {
    let found = state.service_or_draft(id).ok_or(Refusal::NotFound("Service"))?;
    Ok(Answer::One(Some(Node::Service(found.id.clone()))))
}

fn deployment(state: &State, arguments: &Arguments, name: &str) -> Result<String, Refusal> {
    let id = required(arguments, name)?;
    state
        .deployment(id)
        .map(|deployment| deployment.id.clone())
        .ok_or(Refusal::NotFound("Deployment"))
}

fn deployments(world: &World<'_>, state: &State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    check_ids(world, state, input)?;
    let listed = |name: &str| {
        let names =
            input.get("status").and_then(|status| status.get(name)).and_then(Value::as_array);
        names.cloned()
    };
    let (only, never) = (listed("in"), listed("notIn"));
    let service = text(input, "serviceId");
    let found = state.deployments.iter().rev().filter(|deployment| {
        let status = json!(deployment.status);
        service.is_none_or(|service| deployment.service_id == service)
            && only.as_ref().is_none_or(|only| only.contains(&status))
            && !never.as_ref().is_some_and(|never| never.contains(&status))
    });
    record::deployments(found, arguments)
}

fn events(state: &State, arguments: &Arguments) -> Answered {
    let id = required(arguments, "id")?;
    let deployment = state.deployment(id).ok_or(Refusal::NotFound("Deployment"))?;
    let all = deployment.events.iter().map(|event| {
        let mut payload = event.payload.clone();
        for field in
            ["attempt", "detail", "durationMs", "error", "maxAttempts", "reason", "skipped"]
        {
            payload.entry(field).or_insert(Value::Null);
        }
        let record = json!({
            "id": event.id,
            "step": event.step,
            "createdAt": printed(event.created_at),
            "completedAt": event.completed_at.map(printed),
            "payload": payload,
        });
        (event.id.clone(), Node::Record(record.as_object().cloned().unwrap_or_default()))
    });
    page(all.collect(), arguments)
}

fn snapshot(state: &State, arguments: &Arguments) -> Answered {
    let id = required(arguments, "deploymentId")?;
    let deployment = state.deployment(id).ok_or(Refusal::NotFound("Deployment"))?;
    let mut variables = deployment.variables.clone();
    variables.retain(|name, _| !deployment.sealed.contains(name));
    let created = printed(deployment.created_at);
    leaf(
        json!({ "id": deployment.snapshot_id, "createdAt": created, "updatedAt": created, "variables": variables }),
    )
}

fn variables(state: &State, arguments: &Arguments) -> Answered {
    let service = match text(arguments, "serviceId") {
        Some(id) => Some(state.service(id).ok_or(Refusal::NotFound("Service"))?),
        None => None,
    };
    if flag(arguments, "unrendered") {
        let own = service.map_or(&state.shared, |service| &service.variables);
        let open = own.iter().filter(|(_, variable)| !variable.sealed);
        let texts: serde_json::Map<_, _> =
            open.map(|(name, variable)| (name.clone(), json!(variable.value))).collect();
        return leaf(Value::Object(texts));
    }
    leaf(json!(match service {
        Some(service) => reference::rendered(state, service, Reader::Caller),
        None => reference::shared(state, Reader::Caller),
    }))
}

fn backups(state: &State, arguments: &Arguments) -> Answered {
    let id = required(arguments, "volumeInstanceId")?;
    let volume = state.volume_instance(id).ok_or(Refusal::NotFound("VolumeInstance"))?;
    let own =
        state.backups.iter().filter(|backup| backup.volume_instance_id == id && backup.complete);
    let listed = own.map(|backup| {
        json!({
            "id": backup.id,
            "name": backup.name,
            "createdAt": printed(backup.created_at),
            "expiresAt": backup.expires_at.map(printed),
            "externalId": backup.id,
            "usedMB": backup.used_mb,
            "referencedMB": backup.used_mb,
            "volumeInstanceSizeMB": volume.size_mb,
            "scheduleId": null,
            "creatorId": null,
        })
    });
    leaf(Value::Array(listed.collect()))
}

fn workflow(state: &State, id: &str) -> Value {
    match state.workflows.iter().find(|workflow| workflow.id == id) {
        Some(workflow) => {
            let status = match workflow.status {
                WorkflowStatus::Running => "Running",
                WorkflowStatus::Complete => "Complete",
                WorkflowStatus::Error => "Error",
            };
            json!({ "status": status, "error": workflow.error })
        }
        None => json!({ "status": "NotFound", "error": null }),
    }
}

/// Returns the staged patch, which is an empty placeholder when nothing is staged.
fn staged(state: &State) -> Answer {
    let placeholder = || {
        let record = json!({
            "id": crate::identity::uuid(state.seed, "nothing staged"),
            "status": "STAGED",
            "message": null,
            "patch": {},
            "environmentId": state.environment_id,
            "createdAt": printed(state.created_at),
            "updatedAt": printed(state.created_at),
            "appliedAt": null,
            "lastAppliedError": null,
        });
        record.as_object().cloned().unwrap_or_default()
    };
    let record =
        state.staged.as_ref().map_or_else(placeholder, |staged| record::patch(state, staged));
    Answer::One(Some(Node::Record(record)))
}

fn tcp_proxies(state: &State, arguments: &Arguments) -> Answered {
    let service =
        state.service(required(arguments, "serviceId")?).ok_or(Refusal::NotFound("Service"))?;
    let all = service.proxies.iter().map(|proxy| {
        json!({
            "id": proxy.id,
            "domain": service.address.to_string(),
            "proxyPort": proxy.application_port,
            "applicationPort": proxy.application_port,
            "environmentId": state.environment_id,
            "serviceId": service.id,
            "syncStatus": "ACTIVE",
            "createdAt": printed(service.updated_at),
            "updatedAt": printed(service.updated_at),
            "deletedAt": null,
        })
    });
    leaf(Value::Array(all.collect()))
}

fn network(state: &State) -> String {
    crate::identity::uuid(state.seed, "private network")
}

fn endpoint(state: &State, arguments: &Arguments) -> Answered {
    let service =
        state.service(required(arguments, "serviceId")?).ok_or(Refusal::NotFound("Service"))?;
    if required(arguments, "privateNetworkId")? != network(state) {
        return Ok(Answer::One(None));
    }
    leaf(json!({
        "publicId": crate::identity::uuid(state.seed, &format!("endpoint {}", service.id)),
        "dnsName": service.name,
        "newDnsName": null,
        "privateIps": [service.address.to_string()],
        "serviceInstanceId": service.instance_id,
        "syncStatus": "ACTIVE",
        "tags": [],
        "createdAt": printed(service.created_at),
        "deletedAt": null,
    }))
}

fn template(arguments: &Arguments) -> Answered {
    if text(arguments, "owner").or(text(arguments, "repo")).is_some() {
        return Err(Refusal::NotServed("`owner` and `repo` of `Query.template`".to_owned()));
    }
    let found = match (text(arguments, "code"), text(arguments, "id")) {
        (Some(code), _) => Template::of_code(code),
        (None, Some(id)) => Template::of_id(id),
        (None, None) => None,
    };
    let template = found.ok_or(Refusal::NotFound("Template"))?;
    let config: Value = serde_json::from_str(template.config)
        .map_err(|error| Refusal::Failed(format!("the lab's own template is broken: {error}")))?;
    leaf(json!({
        "id": template.id,
        "code": template.code,
        "name": template.name,
        "serializedConfig": config,
    }))
}
