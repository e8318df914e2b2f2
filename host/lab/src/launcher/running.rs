//! A process that was started: waiting for it, and ending it.

use std::{fs, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;

use super::guard::Guard;

/// A running process with all that it started. Dropping it kills them at once; so does the end of the lab.
#[derive(Debug)]
pub struct Running {
    pid: u32,
    child: Child,
    guard: Guard,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Takes over a child that leads a process group of its own.
    pub(crate) fn adopt(mut child: Child) -> std::io::Result<Self> {
        let pid = child
            .id()
            .ok_or_else(|| std::io::Error::other("the process was reaped before it was known"))?;
        match Guard::over(pid) {
            Ok(guard) => Ok(Self { pid, child, guard, ended: None }),
            Err(error) => {
                child.start_kill()?;
                Err(error)
            }
        }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process has exited; what it started and left behind is killed, as the end of a container does.
    ///
    /// May be called again, and may be dropped before it is done.
    pub async fn exited(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        // Waiting for our own child fails only if somebody else has reaped it; then how it ended is lost.
        let status = self.child.wait().await.unwrap_or_default();
        self.ended = Some(status);
        self.guard.dismiss();
        // The group's number stays taken while any member lives, so this reaches nobody else.
        signal_group(self.pid, Signal::KILL);
        status
    }

    /// Asks the process to end by SIGTERM, kills it after `draining`, and tells how it ended.
    pub async fn stop(mut self, draining: Duration) -> ExitStatus {
        if self.ended.is_none() {
            signal(self.pid, Signal::TERM);
        }
        if let Ok(status) = tokio::time::timeout(draining, self.exited()).await {
            return status;
        }
        self.kill_now();
        self.exited().await
    }

    /// Kills the process and all that it started, without waiting for their end.
    pub fn kill_now(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // PostgreSQL's processes leave the group, so they are found by their parents, before those are gone.
        let descendants = descendants(self.pid);
        signal_group(self.pid, Signal::KILL);
        for pid in descendants {
            signal(pid, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_now();
    }
}

fn signal(pid: u32, signal: Signal) {
    report(pid, as_pid(pid).map(|pid| kill_process(pid, signal)));
}

fn signal_group(leader: u32, signal: Signal) {
    report(leader, as_pid(leader).map(|pid| kill_process_group(pid, signal)));
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn report(pid: u32, sent: Option<rustix::io::Result<()>>) {
    match sent {
        Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => {}
        Some(Err(error)) => tracing::warn!(pid, %error, "could not signal a process of the lab"),
        None => tracing::warn!(pid, "not the id of a process"),
    }
}

/// All processes below `root`, where the system tells; none elsewhere.
pub(crate) fn descendants(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let parents: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command's name may hold anything, so fields are counted from its closing parenthesis.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&above) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}
