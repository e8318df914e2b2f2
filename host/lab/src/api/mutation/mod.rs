//! The mutations.

mod deployment;
mod patch;
mod service;
mod template;
mod token;
mod variable;
mod volume;

use super::answer::{Answered, Arguments, text};
use super::object::World;
use super::refusal::Refusal;
use crate::state::{Mutation, State};

/// Carries out one mutation and logs it; what is refused changes nothing and is not logged.
pub(super) fn answer(world: &World<'_>, field: &str, arguments: &Arguments) -> Answered {
    world.caller.may_change()?;
    let mut state = world.state.borrow_mut();
    let state: &mut State = &mut state;
    let ids = arguments.get("input").and_then(|input| input.as_object()).unwrap_or(arguments);
    for arguments in [arguments, ids] {
        if let Some(id) = text(arguments, "projectId") {
            world.caller.project(state, id)?;
        }
        if let Some(id) = text(arguments, "environmentId") {
            world.caller.environment(state, id)?;
        }
    }
    let before = about(state, field, arguments);
    let answer = carry_out(world, state, field, arguments)?;
    let service = before.or_else(|| about(state, field, arguments));
    let by = world.caller.token.name.clone();
    state.mutations.push(Mutation { name: field.to_owned(), service, by, at: world.now });
    world.done.borrow_mut().push(field.to_owned());
    Ok(answer)
}

fn carry_out(world: &World<'_>, state: &mut State, field: &str, arguments: &Arguments) -> Answered {
    match field {
        "variableUpsert" => variable::upsert(world, state, arguments),
        "variableCollectionUpsert" => variable::upsert_collection(world, state, arguments),
        "variableDelete" => variable::delete(world, state, arguments),
        "serviceInstanceUpdate" => service::update_instance(world, state, arguments),
        "serviceCreate" => service::create(world, state, arguments),
        "serviceUpdate" => service::update(world, state, arguments),
        "serviceConnect" => service::connect(world, state, arguments),
        "serviceDisconnect" => service::disconnect(world, state, arguments),
        "serviceDelete" => service::delete(world, state, arguments),
        "serviceInstanceDeployV2" | "serviceInstanceDeploy" => {
            deployment::deploy(world, state, field, arguments)
        }
        "serviceInstanceRedeploy" => deployment::redeploy_instance(world, state, arguments),
        "deploymentRedeploy" => deployment::redeploy(world, state, arguments),
        "deploymentRollback" => deployment::roll_back(world, state, arguments),
        "deploymentRestart" => deployment::restart(state, arguments),
        "deploymentStop" => deployment::stop(state, arguments),
        "deploymentRemove" | "deploymentCancel" => deployment::remove(state, arguments),
        "volumeCreate" => volume::create(world, state, arguments),
        "volumeDelete" => volume::delete(world, state, arguments),
        "volumeInstanceUpdate" => volume::update(state, arguments),
        "volumeInstanceBackupCreate" => volume::back_up(world, state, arguments),
        "volumeInstanceBackupDelete" => volume::delete_backup(world, state, arguments),
        "volumeInstanceBackupLock" => volume::lock_backup(state, arguments),
        "volumeInstanceBackupRestore" => volume::restore_backup(world, state, arguments),
        "environmentStageChanges" => patch::stage(world, state, arguments),
        "environmentPatchCommitStaged" => patch::commit_staged(world, state, arguments),
        "environmentPatchCommit" => patch::commit(world, state, arguments),
        "projectTokenCreate" => token::create(world, state, arguments),
        "projectTokenDelete" => token::delete(state, arguments),
        "templateDeployV2" => template::deploy(state, arguments),
        "templateRevert" => template::revert(state, arguments),
        _ => Err(Refusal::NotServed(format!("`Mutation.{field}`"))),
    }
}

/// Returns the name of the service that a mutation is about.
fn about(state: &State, field: &str, arguments: &Arguments) -> Option<String> {
    let input = arguments.get("input").and_then(|input| input.as_object()).unwrap_or(arguments);
    let id = text(arguments, "id");
    if field == "serviceCreate" {
        return text(input, "name").map(str::to_owned);
    }
    let of_volume = |instance: &str| {
        state.volume_instance(instance).and_then(|volume| volume.service_id.clone())
    };
    let service = text(arguments, "serviceId")
        .or_else(|| text(input, "serviceId"))
        .or(id.filter(|_| field.starts_with("service")))
        .map(str::to_owned)
        .or_else(|| state.deployment(id?).map(|deployment| deployment.service_id.clone()))
        .or_else(|| of_volume(text(arguments, "volumeInstanceId")?));
    state.service(&service?).map(|service| service.name.clone())
}
