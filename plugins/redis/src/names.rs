//! Names of steps and watches.

use lockstep_sdk::blocks::grace::Grace;

use crate::context::Context;

/// The component, as blocks call it.
pub(crate) const COMPONENT: &str = "redis";

pub(crate) const KEEP: &str = "keep";
pub(crate) const PIN: &str = "pin";
pub(crate) const GRACE: &str = "grace";
pub(crate) const CANARY: &str = "canary";
pub(crate) const MARK: &str = "mark";
pub(crate) const CANARY_UNDO: &str = "canary-undo";
pub(crate) const SAVE: &str = "save";
pub(crate) const BACKUP: &str = "backup";
pub(crate) const AOF: &str = "aof";
pub(crate) const AOF_UNDO: &str = "aof-undo";
pub(crate) const POLICY: &str = "policy";
pub(crate) const POLICY_UNDO: &str = "policy-undo";
pub(crate) const USER: &str = "user";
pub(crate) const USER_UNDO: &str = "user-undo";
pub(crate) const WORKER_STOP: &str = "worker-stop";
pub(crate) const WORKER_STOP_UNDO: &str = "worker-stop-undo";
/// What the names of the second save and backup begin with.
pub(crate) const FINAL: &str = "final-";
/// The save right before a server without an append-only file is replaced.
pub(crate) const LAST_SAVE: &str = "last-save";
pub(crate) const FINAL_SAVE: &str = "final-save";
pub(crate) const FINAL_BACKUP: &str = "final-backup";
pub(crate) const UPGRADE: &str = "upgrade";
pub(crate) const UPGRADE_UNDO: &str = "upgrade-undo";
pub(crate) const BACK_SAVE: &str = "back-save";
pub(crate) const BACK_STOP: &str = "back-stop";
pub(crate) const BACK_RESTORE: &str = "back-restore";
pub(crate) const BACK_START: &str = "back-start";
pub(crate) const WORKER_START: &str = "worker-start";
pub(crate) const WORKER_START_UNDO: &str = "worker-start-undo";
pub(crate) const SMOKE: &str = "smoke";
pub(crate) const CLOSE: &str = "close";

/// The watch that sees whether the server serves.
pub(crate) const WATCH_SERVING: &str = "serving";
/// The watch that sees whether an acknowledged write is still there.
pub(crate) const WATCH_CANARY: &str = "canary";

/// Returns how much time each service that the plan deploys or stops is given to end.
pub(crate) fn graces(context: &Context) -> Vec<Grace<'_>> {
    let redis = Grace { service: &context.service, draining: context.draining, overlap: None };
    // The worker hands back its jobs; two of them at a time would fetch jobs that the old one still works on.
    let worker =
        context.worker.as_deref().map(|service| Grace { service, draining: 90, overlap: Some(0) });
    [Some(redis), worker].into_iter().flatten().collect()
}
