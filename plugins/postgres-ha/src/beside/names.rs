//! Names of steps and labels that only this path has.

use lockstep_sdk::blocks::slug;

pub(super) const MAKE: &str = "make";
pub(super) const SECRETS: &str = "secrets";
pub(super) const FIRST: &str = "first-node";
pub(super) const STANDBYS: &str = "standbys";
pub(super) const CONFIRM: &str = "confirm";
pub(super) const FRONT: &str = "front";
/// What the names of the undo steps begin with that stop what a step has started.
pub(super) const STOP: &str = "stop-";

/// Returns the label with which a service is started.
pub(super) fn start(service: &str) -> String {
    format!("start-{}", slug(service))
}

/// Returns the label with which it is stopped.
pub(super) fn stop(service: &str) -> String {
    format!("halt-{}", slug(service))
}

/// Returns the undo step of a step that starts services.
pub(super) fn stopping(step: &str) -> String {
    format!("{STOP}{step}")
}
