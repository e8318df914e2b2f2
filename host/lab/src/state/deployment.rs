//! A deployment and its states.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Source;

/// One deployment of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) snapshot_id: String,
    pub(crate) service_id: String,
    pub(crate) source: Source,
    pub(crate) trigger: Trigger,
    /// What the image's tag stood for when it was pulled.
    pub(crate) digest: Option<String>,
    pub(crate) version: Option<String>,
    /// Rendered when the deployment was made.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) sealed: Vec<String>,
    /// Unrendered, so that a rollback can put them back.
    pub(crate) unrendered: BTreeMap<String, super::Variable>,
    pub(crate) settings: Map<String, Value>,
    pub(crate) status: Status,
    pub(crate) status_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) instance: Instance,
    /// How often its container was made anew after the first one.
    #[serde(default)]
    pub(crate) anew: u32,
    pub(crate) stopped: bool,
    /// It was once healthy, so it can be rolled back to.
    pub(crate) was_live: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) runs_as: Option<String>,
    pub(crate) stand_in: bool,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) pid: Option<u32>,
    /// Deployments of the same batch that this one's references wait for.
    pub(crate) waits_for: Vec<String>,
}

/// Why a deployment was made, which decides where its image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trigger {
    /// From the service's source: a tag is resolved again, and must be pullable.
    Deploy,
    /// From an earlier deployment: Railway still holds that image.
    Again,
}

/// Railway's states of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Queued,
    Waiting,
    Initializing,
    Building,
    Deploying,
    Success,
    Failed,
    Crashed,
    Removing,
    Removed,
    Skipped,
    Sleeping,
    NeedsApproval,
}

/// What can happen to a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    WaitsForOthers,
    Begins,
    Builds,
    Starts,
    GetsHealthy,
    Fails,
    Crashes,
    IsToGo,
    IsGone,
}

/// Railway's states of a deployment's one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Instance {
    Created,
    Initializing,
    Running,
    Restarting,
    Crashed,
    Exited,
    Stopped,
    Removed,
}

/// One entry of `deploymentEvents`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) step: String,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) payload: Map<String, Value>,
}

impl Status {
    /// Returns the state after `happening`, or nothing where that can't happen in this state.
    pub(crate) fn after(self, happening: Happening) -> Option<Self> {
        use Happening as H;
        match (self, happening) {
            (Self::Queued, H::WaitsForOthers) => Some(Self::Waiting),
            (Self::Queued | Self::Waiting, H::Begins) => Some(Self::Initializing),
            (Self::Initializing, H::Builds) => Some(Self::Building),
            (Self::Initializing | Self::Building, H::Starts) => Some(Self::Deploying),
            (Self::Deploying | Self::Crashed | Self::Success, H::GetsHealthy) => {
                Some(Self::Success)
            }
            (
                Self::Queued
                | Self::Waiting
                | Self::Initializing
                | Self::Building
                | Self::Deploying,
                H::Fails,
            ) => Some(Self::Failed),
            (Self::Success | Self::Deploying, H::Crashes) => Some(Self::Crashed),
            (
                Self::Queued
                | Self::Waiting
                | Self::Initializing
                | Self::Building
                | Self::Deploying
                | Self::Success
                | Self::Crashed
                | Self::Sleeping,
                H::IsToGo,
            ) => Some(Self::Removing),
            (
                Self::Queued
                | Self::Waiting
                | Self::Initializing
                | Self::Building
                | Self::Deploying
                | Self::Success
                | Self::Crashed
                | Self::Failed
                | Self::Removing
                | Self::Sleeping,
                H::IsGone,
            ) => Some(Self::Removed),
            _ => None,
        }
    }

    /// Returns whether a rollout is still under way.
    pub(crate) fn in_progress(self) -> bool {
        matches!(
            self,
            Self::Queued | Self::Waiting | Self::Initializing | Self::Building | Self::Deploying
        )
    }

    /// Returns whether a client would see the deployment as the one in place.
    pub(crate) fn active(self) -> bool {
        self.in_progress() || matches!(self, Self::Success | Self::Crashed | Self::Sleeping)
    }
}

impl Deployment {
    /// Returns the id of the container: each start of the deployment makes a new one.
    pub(crate) fn container(&self, seed: u64) -> String {
        match self.anew {
            0 => crate::identity::uuid(seed, &self.id),
            anew => crate::identity::uuid(seed, &format!("{}#{anew}", self.id)),
        }
    }

    /// Returns the image as it was asked for.
    pub(crate) fn image(&self) -> Option<&str> {
        self.source.image.as_deref()
    }

    pub(crate) fn text(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, setting: &str) -> Option<u64> {
        self.settings.get(setting).and_then(Value::as_u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_deployment_stays_removed() {
        for happening in [
            Happening::WaitsForOthers,
            Happening::Begins,
            Happening::Builds,
            Happening::Starts,
            Happening::GetsHealthy,
            Happening::Fails,
            Happening::Crashes,
            Happening::IsToGo,
            Happening::IsGone,
        ] {
            assert_eq!(Status::Removed.after(happening), None);
        }
    }

    #[test]
    fn a_queued_deployment_cannot_be_healthy() {
        assert_eq!(Status::Queued.after(Happening::GetsHealthy), None);
    }
}
