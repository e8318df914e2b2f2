//! What a change of state sets going.

use std::path::PathBuf;

use crate::template::Task;

/// How a deployment's process ends when it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was replaced, removed or cancelled.
    Removed,
    /// It stays in place, stopped.
    Stopped,
    /// Its process is started again.
    Restarted,
}

/// Something that takes time and was set going by a change of state.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Roll out this deployment.
    Deploy(String),
    /// End the process of this deployment.
    End(String, End),
    /// Copy a volume into a backup, then finish the workflow.
    BackUp { workflow: String, backup: String, service: Option<String>, from: PathBuf, to: PathBuf },
    /// Copy a backup into a new volume, stage the swap, then finish the workflow.
    Restore { workflow: String, backup: String, volume: String, from: PathBuf, to: PathBuf },
    /// Carry out what was asked of a template, then finish the workflow.
    Template { workflow: String, task: Task },
    /// Delete a folder that nothing refers to any more.
    Wipe(PathBuf),
}
