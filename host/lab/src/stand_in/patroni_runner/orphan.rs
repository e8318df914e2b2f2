//! The server that Patroni has let go of: a child of the runner, and gone when the runner is.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::launcher::Guard;

/// The server of a node, whenever one runs.
#[derive(Debug)]
pub(super) struct Server {
    /// Where PostgreSQL writes its process's id.
    file: PathBuf,
    running: Option<Known>,
}

#[derive(Debug)]
struct Known {
    pid: u32,
    group: u32,
    /// Kills the server when the runner is killed.
    guard: Guard,
}

impl Server {
    pub(super) fn of(data: &Path) -> Self {
        Self { file: data.join("postmaster.pid"), running: None }
    }

    /// Looks whether another server runs than before.
    pub(super) fn look(&mut self) {
        let now = self.found();
        if self.running.as_ref().map(|known| known.pid) == now.map(|(pid, _)| pid) {
            return;
        }
        self.running = now.and_then(|(pid, group)| match Guard::over(group) {
            Ok(guard) => Some(Known { pid, group, guard }),
            Err(error) => {
                tracing::warn!(%error, "the server would outlive a killed runner");
                None
            }
        });
    }

    /// Forgets the process with this id, which is gone.
    pub(super) fn is_gone(&mut self, pid: u32) {
        if self.running.as_ref().is_some_and(|known| known.pid == pid) {
            self.running = None;
        }
    }

    /// Kills the server where one still runs, as the end of a container does.
    pub(super) fn kill(&mut self) {
        self.look();
        let Some(mut known) = self.running.take() else { return };
        known.guard.dismiss();
        let group = i32::try_from(known.group).ok().and_then(Pid::from_raw);
        if let Some(Err(error)) = group.map(|group| kill_process_group(group, Signal::KILL)) {
            tracing::warn!(%error, "could not kill the server");
        }
    }

    /// The server's process and its group. A file that a former process has left names none of the runner's children.
    fn found(&self) -> Option<(u32, u32)> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let pid: u32 = text.lines().next()?.trim().parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name may hold anything, so fields are counted from its closing parenthesis.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, parent, group) = (fields.next()?, fields.next()?, fields.next()?);
        let ours = parent == std::process::id().to_string() && state != "Z";
        Some((pid, group.parse().ok()?)).filter(|_| ours)
    }
}
