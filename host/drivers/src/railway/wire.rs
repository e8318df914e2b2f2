//! The parts of Railway's answers that Lockstep reads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lockstep_engine::model::Moment;
use serde::Deserialize;

/// A page of a connection.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    #[serde(default)]
    pub(super) page_info: PageInfo,
    pub(super) edges: Vec<Edge<T>>,
}

impl<T> Page<T> {
    pub(super) fn nodes(self) -> impl Iterator<Item = T> {
        self.edges.into_iter().map(|edge| edge.node)
    }

    /// Returns where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<String> {
        self.page_info.end_cursor.clone().filter(|_| self.page_info.has_next_page)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Edge<T> {
    node: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EstatePage {
    pub(super) service_instances: Page<Instance>,
    pub(super) volume_instances: Page<VolumeInstance>,
}

/// A service in the environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) service_id: String,
    pub(crate) service_name: String,
    source: Option<Source>,
    pub(super) start_command: Option<String>,
    pub(super) healthcheck_path: Option<String>,
    pub(super) healthcheck_timeout: Option<i64>,
    pub(super) restart_policy_type: Option<String>,
    pub(super) restart_policy_max_retries: Option<i64>,
    pub(super) num_replicas: Option<i64>,
    pub(super) overlap_seconds: Option<i64>,
    pub(super) draining_seconds: Option<i64>,
    pub(super) root_directory: Option<String>,
    pub(crate) latest_deployment: Option<Deployment>,
    #[serde(default)]
    pub(crate) active_deployments: Vec<Deployment>,
}

impl Instance {
    pub(crate) fn image(&self) -> Option<&str> {
        self.source.as_ref()?.image.as_deref().filter(|image| !image.is_empty())
    }

    /// The command that is configured to start it; none for the image's own.
    pub(crate) fn start_command(&self) -> Option<String> {
        self.start_command.clone().filter(|command| !command.is_empty())
    }

    pub(crate) fn repository(&self) -> Option<&str> {
        self.source.as_ref()?.repo.as_deref().filter(|repository| !repository.is_empty())
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Source {
    image: Option<String>,
    repo: Option<String>,
}

/// A deployment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(super) status_updated_at: Option<String>,
    pub(super) created_at: String,
    #[serde(default, rename = "deploymentStopped")]
    pub(super) stopped: bool,
    #[serde(default)]
    pub(super) can_rollback: bool,
    pub(super) service_id: Option<String>,
    pub(super) meta: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) instances: Vec<DeploymentInstance>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeploymentInstance {
    pub(super) id: String,
    pub(super) status: String,
}

/// A volume as it is mounted in the environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeInstance {
    pub(crate) id: String,
    pub(crate) volume_id: String,
    pub(crate) service_id: Option<String>,
    pub(crate) mount_path: String,
    #[serde(rename = "sizeMB")]
    pub(super) size_mb: f64,
    #[serde(rename = "currentSizeMB")]
    pub(super) current_size_mb: f64,
    #[serde(default)]
    pub(super) is_pending_deletion: bool,
    pub(super) deleted_at: Option<String>,
    pub(super) volume: VolumeName,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct VolumeName {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct ConfigHolder {
    pub(super) config: serde_json::Value,
}

#[derive(Deserialize)]
pub(super) struct SealedHolder {
    pub(super) variables: Page<SealedVariable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SealedVariable {
    pub(super) name: String,
    pub(super) is_sealed: bool,
    pub(super) service_id: Option<String>,
}

/// Variables by name. Railway's scalar may hold nulls.
pub(super) type VariableMap = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
pub(super) struct DeploymentEvent {
    pub(super) step: String,
    pub(super) payload: Option<EventPayload>,
}

#[derive(Deserialize)]
pub(super) struct EventPayload {
    pub(super) error: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LogEntry {
    pub(super) timestamp: String,
    pub(super) severity: Option<String>,
    pub(super) message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpEntry {
    pub(super) timestamp: String,
    pub(super) http_status: i64,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BackupEntry {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) created_at: String,
    pub(super) expires_at: Option<String>,
    #[serde(rename = "usedMB")]
    pub(super) used_mb: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkflowId {
    pub(super) workflow_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Workflow {
    pub(super) status: String,
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TemplateEntry {
    pub(super) id: String,
    pub(super) code: String,
    pub(super) serialized_config: serde_json::Value,
}

#[derive(Deserialize)]
pub(super) struct StagedPatch {
    pub(super) patch: serde_json::Value,
}

#[derive(Deserialize)]
pub(super) struct CommittedPatch {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proxy {
    pub(super) domain: String,
    #[serde(rename = "proxyPort")]
    pub(super) port: u16,
    pub(super) application_port: u16,
    pub(super) deleted_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) id: String,
}

/// Returns the moment that Railway wrote as text; the epoch for a text that is no time.
pub(super) fn moment(text: &str) -> Moment {
    let milliseconds = text.parse::<Timestamp>().map_or(0, Timestamp::as_millisecond);
    Moment(u64::try_from(milliseconds).unwrap_or(0))
}

/// Returns a moment as Railway reads it.
pub(super) fn date(moment: Moment) -> String {
    let milliseconds = i64::try_from(moment.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| Timestamp::MAX.to_string(), |time| time.to_string())
}
