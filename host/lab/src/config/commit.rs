//! Committing a patch: applied, noted, and deployed unless that is skipped.

use jiff::Timestamp;
use serde_json::Value;

use super::{Shape, apply};
use crate::deploy;
use crate::state::{Patch, PatchStatus, State, Trigger};

/// Whether a commit deploys what it affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deploys {
    Made,
    Skipped,
}

/// Applies `patch` and returns its id; a patch that can't be applied changes nothing.
pub(crate) fn commit(
    state: &mut State,
    patch: &Value,
    id: Option<String>,
    message: Option<String>,
    deploys: Deploys,
    now: Timestamp,
) -> Result<String, String> {
    let before = Shape::of(state);
    *state = apply(state, patch, now)?;
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
    if deploys == Deploys::Made {
        let affected = before.changed(state);
        deploy::deploy_all(state, &affected, Trigger::Deploy, now);
    }
    Ok(id)
}
