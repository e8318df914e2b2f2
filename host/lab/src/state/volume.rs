//! Volumes, their backups, and the workflows that copy them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A volume with its one instance, which is a folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) instance_id: String,
    pub(crate) name: String,
    pub(crate) service_id: Option<String>,
    pub(crate) mount: String,
    pub(crate) size_mb: u32,
    pub(crate) state: VolumeState,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
}

/// Railway's states of a volume that the lab passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum VolumeState {
    Ready,
    Restoring,
    Deleted,
    Error,
}

/// A copy of a volume's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) volume_instance_id: String,
    pub(crate) name: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) locked: bool,
    pub(crate) used_mb: u32,
    pub(crate) complete: bool,
}

/// What `workflowStatus` tells of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Workflow {
    pub(crate) id: String,
    pub(crate) status: WorkflowStatus,
    pub(crate) error: Option<String>,
}

/// How far a workflow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WorkflowStatus {
    Running,
    Complete,
    Error,
}
