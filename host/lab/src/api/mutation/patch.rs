//! Staging and committing changes of the environment.

use serde_json::json;

use super::super::answer::{Answer, Answered, Arguments, Node, flag, leaf, text};
use super::super::object::World;
use super::super::record;
use super::super::refusal::Refusal;
use crate::config::{self, Deploys};
use crate::state::State;

/// Stages a patch: over what is staged, or in its place, which is also how staged changes are discarded.
///
/// No mutation discards what is staged; that an empty patch in its place does is assumed.
pub(super) fn stage(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = config::as_taken(arguments.get("input").unwrap_or(&json!({})));
    // What could not be committed is refused when it is staged.
    config::apply(state, &input, world.now).map_err(Refusal::BadInput)?;
    if !flag(arguments, "merge") {
        state.staged = None;
    }
    let id = state.id();
    crate::volume::stage(state, &input, id, world.now);
    state.forget_drafts();
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
    let deploys = if flag(arguments, "skipDeploys") { Deploys::Skipped } else { Deploys::Made };
    let committed =
        config::commit(state, &staged.config, Some(staged.id), message, deploys, world.now);
    let id = committed.map_err(Refusal::BadInput)?;
    state.staged = None;
    leaf(id)
}

pub(super) fn commit(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let patch = arguments.get("patch").filter(|patch| !patch.is_null());
    let patch = config::as_taken(patch.unwrap_or(&json!({})));
    let message = text(arguments, "commitMessage").map(str::to_owned);
    let committed = config::commit(state, &patch, None, message, Deploys::Made, world.now);
    leaf(committed.map_err(Refusal::BadInput)?)
}
