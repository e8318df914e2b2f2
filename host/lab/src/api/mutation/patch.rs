//! Staging and committing changes of the environment.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::answer::{Answer, Answered, Arguments, Node, flag, leaf, text};
use super::super::object::World;
use super::super::record;
use super::super::refusal::Refusal;
use crate::config::{self, Shape};
use crate::deploy;
use crate::state::{Patch, PatchStatus, State, Trigger};

pub(super) fn stage(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = arguments.get("input").cloned().unwrap_or_default();
    // What could not be committed is refused when it is staged.
    config::apply(state, &input, world.now).map_err(Refusal::BadInput)?;
    if !flag(arguments, "merge") {
        state.staged = None;
    }
    let id = state.id();
    crate::volume::stage(state, &input, id, world.now);
    let staged = state.staged.as_ref().ok_or(Refusal::NotFound("EnvironmentPatch"))?;
    Ok(Answer::One(Some(Node::Record(record::patch(state, staged)))))
}

/// Commits everything that is staged, whoever staged it.
pub(super) fn commit_staged(
    world: &World<'_>,
    state: &mut State,
    arguments: &Arguments,
) -> Answered {
    let staged = state
        .staged
        .clone()
        .ok_or_else(|| Refusal::Failed("No staged changes to commit".to_owned()))?;
    let message = text(arguments, "commitMessage").map(str::to_owned);
    let skip = flag(arguments, "skipDeploys");
    let id = apply(state, &staged.config, Some(staged.id), message, skip, world.now)?;
    state.staged = None;
    leaf(id)
}

pub(super) fn commit(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let patch = arguments
        .get("patch")
        .filter(|patch| !patch.is_null())
        .cloned()
        .unwrap_or_else(|| json!({}));
    let message = text(arguments, "commitMessage").map(str::to_owned);
    leaf(apply(state, &patch, None, message, false, world.now)?)
}

fn apply(
    state: &mut State,
    patch: &Value,
    id: Option<String>,
    message: Option<String>,
    skip_deploys: bool,
    now: Timestamp,
) -> Result<String, Refusal> {
    let before = Shape::of(state);
    *state = config::apply(state, patch, now).map_err(Refusal::BadInput)?;
    let id = id.unwrap_or_else(|| state.id());
    state.patches.push(Patch {
        id: id.clone(),
        status: PatchStatus::Committed,
        message,
        config: patch.clone(),
        created_at: now,
        updated_at: now,
        applied_at: Some(now),
        last_error: None,
    });
    if !skip_deploys {
        let affected = before.changed(state);
        deploy::deploy_all(state, &affected, Trigger::Deploy, now);
    }
    Ok(id)
}
