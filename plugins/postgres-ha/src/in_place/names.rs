//! Names of steps, labels and watches that only this path has.

use lockstep_sdk::blocks::slug;

pub(super) const REHEARSE: &str = "rehearse";
pub(super) const CONVERT: &str = "convert";
pub(super) const COMMIT: &str = "convert-commit";
pub(super) const DISCARD: &str = "convert-discard";
pub(super) const COORDINATORS: &str = "coordinators";
pub(super) const ADOPT: &str = "adopt";
pub(super) const REPLICAS: &str = "replicas";
/// What the names of the steps begin with that raise a limit.
pub(super) const RAISE: &str = "raise-";
pub(super) const RAISE_SERVER: &str = "raise-server";
pub(super) const SYNCHRONOUS: &str = "synchronous";
pub(super) const ASYNCHRONOUS: &str = "asynchronous";
pub(super) const FRONT: &str = "front";
/// The step that leads addresses to the front which a plugin may see, and its way back.
pub(super) const ADDRESSES: &str = "addresses";
pub(super) const ADDRESSES_BACK: &str = "addresses-back";
/// The step that leads those to it that hold a password.
pub(super) const HIDDEN: &str = "hidden-addresses";
/// What the names of the undo steps begin with that let the server lead again.
pub(super) const LEAD: &str = "lead-";
/// The same before everything else is taken back.
pub(super) const LEAD_LAST: &str = "lead-last";
pub(super) const SETTINGS: &str = "settings-back";
pub(super) const REVERT: &str = "revert";
pub(super) const RETURN_ROOT: &str = "return-server";
pub(super) const SLOTS: &str = "slots-back";

/// The watch that sees whether the server itself leads.
pub(super) const WATCH_LEADS: &str = "leads";
/// The watch that sees whether replicas follow.
pub(super) const WATCH_REPLICAS: &str = "replicas";

/// Returns the label with which a service of the cluster is deployed.
pub(super) fn start(service: &str) -> String {
    format!("start-{}", slug(service))
}

/// Returns the step that raises a limit, and the label of its effect.
pub(super) fn raise(setting: &str) -> String {
    format!("{RAISE}{}", slug(&setting.replace('_', "-")))
}

/// Returns the undo step that lets the server lead before a client goes back to it.
pub(super) fn lead(service: &str) -> String {
    format!("{LEAD}{}", slug(service))
}
