//! Making, repeating and ending deployments.

use super::super::answer::{Answer, Answered, Arguments, Node, leaf, required, text};
use super::super::object::World;
use super::super::refusal::Refusal;
use crate::deploy::{self, Variables};
use crate::state::{End, State, Status, Work};

/// Deploys the service's current source: a tag is resolved again.
pub(super) fn deploy(
    world: &World<'_>,
    state: &mut State,
    field: &str,
    arguments: &Arguments,
) -> Answered {
    let id = required(arguments, "serviceId")?;
    let service = state.service(id).ok_or(Refusal::NotFound("Service"))?;
    if let Some(commit) = text(arguments, "commitSha")
        && service.source.repo.as_deref().map(deploy::commit).as_deref() != Some(commit)
    {
        return Err(Refusal::Failed("Commit not found".to_owned()));
    }
    let deployment = deploy::deploy(state, id, world.now);
    let deployment =
        deployment.ok_or_else(|| Refusal::Failed("Service has no source to deploy".to_owned()))?;
    if field == "serviceInstanceDeploy" { leaf(true) } else { leaf(deployment) }
}

/// Runs the image that is already live again, whatever the source says by now.
pub(super) fn redeploy_instance(
    world: &World<'_>,
    state: &mut State,
    arguments: &Arguments,
) -> Answered {
    let id = required(arguments, "serviceId")?;
    state.service(id).ok_or(Refusal::NotFound("Service"))?;
    let latest = state.deployments_of(id).next_back();
    if latest.is_some_and(|latest| latest.status.in_progress()) {
        return Err(Refusal::Failed(
            "Cannot redeploy yet, please wait for the original deployment to finish building"
                .to_owned(),
        ));
    }
    let live =
        state.serving(id).or_else(|| state.deployments_of(id).rev().find(|former| former.was_live));
    let live = live.map(|live| live.id.clone());
    let live =
        live.ok_or_else(|| Refusal::Failed("Cannot redeploy without a snapshot".to_owned()))?;
    deploy::again(state, &live, Variables::Current, world.now);
    leaf(true)
}

pub(super) fn redeploy(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let former = found(state, arguments)?;
    if state.deployment(&former).is_some_and(|former| former.status.in_progress()) {
        return Err(Refusal::Failed(
            "Cannot redeploy yet, please wait for the original deployment to finish building"
                .to_owned(),
        ));
    }
    let made = deploy::again(state, &former, Variables::Current, world.now);
    let made =
        made.ok_or_else(|| Refusal::Failed("Cannot redeploy without a snapshot".to_owned()))?;
    Ok(Answer::One(Some(Node::Deployment(made))))
}

/// Deploys a former deployment's image with its variables; the service's source stays what it is.
pub(super) fn roll_back(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let former = found(state, arguments)?;
    let can = state
        .deployment(&former)
        .is_some_and(|former| former.was_live && former.status == Status::Removed);
    if !can {
        return Err(Refusal::Failed("Deployment cannot be rolled back to".to_owned()));
    }
    let made = deploy::again(state, &former, Variables::Former, world.now);
    made.map(|_id| Answer::Leaf(true.into())).ok_or(Refusal::NotFound("Service"))
}

pub(super) fn restart(state: &mut State, arguments: &Arguments) -> Answered {
    let id = found(state, arguments)?;
    let status = state.deployment(&id).map(|deployment| deployment.status);
    if !matches!(status, Some(Status::Success | Status::Crashed)) {
        return Err(Refusal::Failed("Deployment is not running".to_owned()));
    }
    state.work.push(Work::End(id, End::Restarted));
    leaf(true)
}

pub(super) fn stop(state: &mut State, arguments: &Arguments) -> Answered {
    let id = found(state, arguments)?;
    if !state.deployment(&id).is_some_and(|deployment| deployment.status.active()) {
        return Err(Refusal::Failed("Deployment is not running".to_owned()));
    }
    state.work.push(Work::End(id, End::Stopped));
    leaf(true)
}

pub(super) fn remove(state: &mut State, arguments: &Arguments) -> Answered {
    let id = found(state, arguments)?;
    state.work.push(Work::End(id, End::Removed));
    leaf(true)
}

fn found(state: &State, arguments: &Arguments) -> Result<String, Refusal> {
    let id = required(arguments, "id")?;
    state
        .deployment(id)
        .map(|deployment| deployment.id.clone())
        .ok_or(Refusal::NotFound("Deployment"))
}
