//! Deployments: their states in the contract's words, and what really runs in them.

use lockstep_engine::model::{Deployment, DeploymentStatus};
use serde_json::Value;

use super::wire::{self, DeploymentEvent, DeploymentInstance, moment};

/// Railway's words for a deployment that has not come to its end.
pub(super) const IN_PROGRESS: [&str; 6] =
    ["BUILDING", "DEPLOYING", "INITIALIZING", "QUEUED", "WAITING", "REMOVING"];

/// Returns the image that runs, as the deployment's own metadata tells.
pub(super) fn image(deployment: &wire::Deployment) -> Option<String> {
    deployment.meta.as_ref()?.get("image").and_then(Value::as_str).map(str::to_owned)
}

/// Returns the digest that runs: metadata of its own, or part of the image where that is pinned.
pub(super) fn digest(deployment: &wire::Deployment) -> Option<String> {
    let meta = deployment.meta.as_ref()?;
    let own = meta.get("imageDigest").and_then(Value::as_str).map(str::to_owned);
    own.or_else(|| image(deployment).as_deref().and_then(pinned_digest).map(str::to_owned))
}

/// Returns the digest that an image names.
pub(super) fn pinned_digest(image: &str) -> Option<&str> {
    image.split_once('@').map(|(_, digest)| digest)
}

/// Returns the deployment as a plugin sees it. `reason` is why it failed, where that was looked up.
pub(super) fn seen(deployment: &wire::Deployment, reason: Option<String>) -> Deployment {
    let status = match deployment.status.as_str() {
        "SUCCESS" if deployment.stopped => DeploymentStatus::Stopped,
        "SUCCESS" => DeploymentStatus::Success,
        "FAILED" => {
            DeploymentStatus::Failed(reason.unwrap_or_else(|| "Railway gives no reason".to_owned()))
        }
        "CRASHED" => DeploymentStatus::Crashed,
        "REMOVED" => DeploymentStatus::Removed,
        "SKIPPED" => DeploymentStatus::Skipped,
        "NEEDS_APPROVAL" => DeploymentStatus::NeedsApproval,
        word if IN_PROGRESS.contains(&word) => DeploymentStatus::InProgress(word.to_owned()),
        word => DeploymentStatus::Other(word.to_owned()),
    };
    let created = moment(&deployment.created_at);
    Deployment {
        id: deployment.id.clone(),
        status,
        created,
        changed: deployment.status_updated_at.as_deref().map_or(created, moment),
        image: image(deployment),
        digest: digest(deployment),
        can_roll_back: deployment.can_rollback,
        extra: Vec::new(),
    }
}

/// Returns why a deployment failed, as far as its events tell.
pub(super) fn reason(events: &[DeploymentEvent]) -> Option<String> {
    let told = |event: &DeploymentEvent| {
        let payload = event.payload.as_ref()?;
        let words: Vec<&str> = [&payload.error, &payload.reason, &payload.detail]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        let what = match event.step.as_str() {
            "HEALTHCHECK" => "its health check failed",
            "BUILD_IMAGE" | "PUBLISH_IMAGE" | "SNAPSHOT_CODE" => "its image could not be built",
            "CREATE_CONTAINER" => "its container could not be created",
            "PRE_DEPLOY_COMMAND" => "its pre-deploy command failed",
            "MIGRATE_VOLUMES" => "its volume could not be moved",
            other => {
                return (!words.is_empty())
                    .then(|| format!("{}: {}", other.to_lowercase(), words.join("; ")));
            }
        };
        // A step that went well has neither an error nor a reason.
        (payload.error.is_some() || payload.reason.is_some())
            .then(|| format!("{what}: {}", words.join("; ")))
    };
    events.iter().rev().find_map(told)
}

/// Returns the instances' ids, which change when a container is made anew.
pub(super) fn instances(deployment: &wire::Deployment) -> String {
    let mut ids: Vec<&str> =
        deployment.instances.iter().map(|instance| instance.id.as_str()).collect();
    ids.sort_unstable();
    ids.join(",")
}

/// Returns whether any container of the deployment may still run.
pub(super) fn runs(deployment: &wire::Deployment) -> bool {
    deployment.instances.iter().any(is_there)
}

/// Returns whether a container may still run.
pub(super) fn is_there(instance: &DeploymentInstance) -> bool {
    const OVER: [&str; 5] = ["CRASHED", "EXITED", "REMOVED", "SKIPPED", "STOPPED"];
    !OVER.contains(&instance.status.as_str())
}

/// Returns the commit that a deployment was built from.
pub(super) fn commit(deployment: &wire::Deployment) -> Option<String> {
    deployment.meta.as_ref()?.get("commitHash").and_then(Value::as_str).map(str::to_owned)
}

/// Returns `moment`s apart in milliseconds: how long it took from its creation to its last change of state.
pub(super) fn boot(deployment: &wire::Deployment) -> u64 {
    let seen = seen(deployment, None);
    seen.changed.since(seen.created).0
}
