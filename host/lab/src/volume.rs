//! Copying volumes: backups and restores.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::Command;

use crate::config;
use crate::state::{Patch, PatchStatus, VolumeState, WorkflowStatus};
use crate::twin::Twin;

/// A folder to copy, and the workflow that tells about it.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) workflow: String,
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
}

/// Copies a volume into a backup.
///
/// The service's processes are frozen meanwhile, so that the copy is of one instant, as Railway's
/// snapshots are. What is in their memory is not in the backup.
pub(crate) async fn back_up(twin: Arc<Twin>, copy: Copy, backup: String, service: Option<String>) {
    let root =
        twin.read(|state| service.as_deref().and_then(|service| state.serving(service)?.pid));
    let frozen = root.map(Frozen::new);
    let copied = copy_folder(&copy.from, &copy.to).await;
    drop(frozen);
    twin.write(|state| {
        if let Some(backup) = state.backups.iter_mut().find(|found| found.id == backup) {
            backup.complete = copied.is_ok();
            backup.used_mb = copied.as_ref().copied().unwrap_or_default();
        }
        if copied.is_err() {
            state.backups.retain(|found| found.id != backup);
        }
        finish(state, &copy.workflow, copied.err());
    });
}

/// Copies a backup into a new volume and stages the swap; committing that is the caller's.
pub(crate) async fn restore(twin: Arc<Twin>, copy: Copy, backup: String, volume: String) {
    let copied = copy_folder(&copy.from, &copy.to).await;
    let now = twin.clock.stamp();
    twin.write(|state| {
        let Some(restored) = state.backups.iter().find(|found| found.id == backup).cloned() else {
            finish(state, &copy.workflow, Some("the backup was deleted".to_owned()));
            return;
        };
        if let Err(error) = copied {
            state.volumes.retain(|found| found.id != volume);
            finish(state, &copy.workflow, Some(error));
            return;
        }
        // Restoring removes the backups that are newer than the restored one.
        state.backups.retain(|found| {
            found.volume_instance_id != restored.volume_instance_id
                || found.created_at <= restored.created_at
        });
        let mut mount = None;
        if let Some(fresh) = state.volumes.iter_mut().find(|found| found.id == volume) {
            fresh.state = VolumeState::Ready;
            mount = Some(fresh.mount.clone());
        }
        let old = state.volume_instance(&restored.volume_instance_id).cloned();
        if let Some(old) = old
            && let Some(service) = old.service_id
        {
            let swap = json!({ "services": { service: { "volumeMounts": {
                old.id: null,
                volume: { "mountPath": mount.unwrap_or(old.mount) },
            } } } });
            let id = state.id();
            stage(state, &swap, id, now);
        }
        finish(state, &copy.workflow, None);
    });
}

/// Merges `patch` into what is staged.
pub(crate) fn stage(
    state: &mut crate::state::State,
    patch: &serde_json::Value,
    id: String,
    now: jiff::Timestamp,
) {
    let staged = state.staged.get_or_insert_with(|| Patch {
        id,
        status: PatchStatus::Staged,
        message: None,
        config: json!({}),
        created_at: now,
        updated_at: now,
        applied_at: None,
        last_error: None,
    });
    config::merge(&mut staged.config, patch);
    staged.updated_at = now;
}

fn finish(state: &mut crate::state::State, workflow: &str, error: Option<String>) {
    if let Some(workflow) = state.workflows.iter_mut().find(|found| found.id == workflow) {
        workflow.status =
            if error.is_some() { WorkflowStatus::Error } else { WorkflowStatus::Complete };
        workflow.error = error;
    }
}

/// Copies a folder with owners, modes and times, and returns its size in MB.
async fn copy_folder(from: &Path, to: &Path) -> Result<u32, String> {
    let failed = |error: std::io::Error| format!("could not copy `{}`: {error}", from.display());
    tokio::fs::create_dir_all(from).await.map_err(failed)?;
    if let Some(parent) = to.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(failed)?;
    }
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(failed)?;
    if !copied.status.success() {
        return Err(format!(
            "could not copy `{}`: {}",
            from.display(),
            String::from_utf8_lossy(&copied.stderr).trim()
        ));
    }
    let counted =
        Command::new("du").arg("-sm").arg(to).kill_on_drop(true).output().await.map_err(failed)?;
    let size = String::from_utf8_lossy(&counted.stdout)
        .split_whitespace()
        .next()
        .and_then(|size| size.parse().ok());
    Ok(size.unwrap_or(0))
}

/// Processes that stand still until this is dropped.
#[derive(Debug)]
struct Frozen(Vec<u32>);

impl Frozen {
    fn new(root: u32) -> Self {
        let mut all = vec![root];
        let mut next = 0;
        signal(root, Signal::STOP);
        while let Some(above) = all.get(next).copied() {
            for child in children(above) {
                signal(child, Signal::STOP);
                all.push(child);
            }
            next += 1;
        }
        Self(all)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in self.0.iter().rev() {
            signal(*pid, Signal::CONT);
        }
    }
}

fn children(pid: u32) -> Vec<u32> {
    let listed =
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

fn signal(pid: u32, signal: Signal) {
    let sent = i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| kill_process(pid, signal));
    if let Some(Err(error)) = sent {
        tracing::debug!(pid, %error, "a process was gone before it was frozen or thawed");
    }
}
