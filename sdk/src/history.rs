//! What a service's own deployments tell about how long the next one takes.

use crate::{Deployment, DeploymentStatus};

/// Returns the longest of the last few boots, in milliseconds; none without one that succeeded.
///
/// The longest, because an outage that is announced too short is worse than one announced too long.
pub fn boot(deployments: &[Deployment]) -> Option<u64> {
    const LOOKED_AT: usize = 5;
    deployments
        .iter()
        .filter(|deployment| ran(&deployment.status))
        .take(LOOKED_AT)
        .filter_map(|deployment| deployment.changed.checked_sub(deployment.created))
        .filter(|length| *length > 0)
        .max()
}

/// Returns the newest deployment that is up.
pub fn running(deployments: &[Deployment]) -> Option<&Deployment> {
    deployments.iter().find(|deployment| ran(&deployment.status))
}

/// Returns whether a deployment is still on its way.
pub const fn moves(status: &DeploymentStatus) -> bool {
    match status {
        DeploymentStatus::InProgress(_) | DeploymentStatus::NeedsApproval => true,
        DeploymentStatus::Success
        | DeploymentStatus::Stopped
        | DeploymentStatus::Failed(_)
        | DeploymentStatus::Crashed
        | DeploymentStatus::Removed
        | DeploymentStatus::Skipped
        | DeploymentStatus::Other(_) => false,
    }
}

/// Returns the status in words.
pub fn words(status: &DeploymentStatus) -> String {
    match status {
        DeploymentStatus::InProgress(word) | DeploymentStatus::Other(word) => word.to_lowercase(),
        DeploymentStatus::Success => "up".to_owned(),
        DeploymentStatus::Stopped => "ended by itself".to_owned(),
        DeploymentStatus::Failed(why) => format!("failed: {why}"),
        DeploymentStatus::Crashed => "crashed".to_owned(),
        DeploymentStatus::Removed => "removed".to_owned(),
        DeploymentStatus::Skipped => "skipped".to_owned(),
        DeploymentStatus::NeedsApproval => "waiting for a person".to_owned(),
    }
}

const fn ran(status: &DeploymentStatus) -> bool {
    matches!(status, DeploymentStatus::Success)
}
