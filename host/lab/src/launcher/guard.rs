//! A watcher that outlives the lab just long enough to end what the lab had started.

use std::process::Stdio;

use tokio::process::{Child, ChildStdin, Command};

/// Ends a process group when the lab is gone, however it went.
///
/// It is a shell that waits for the end of a pipe which only the lab holds open. The kernel's own signal on a parent's
/// death is tied to the thread that started the child, and threads of the lab come and go.
#[derive(Debug)]
pub(crate) struct Guard {
    watcher: Child,
    /// Closing it is the signal.
    _open: Option<ChildStdin>,
}

impl Guard {
    /// Watches over the process group of `leader`.
    pub(crate) fn over(leader: u32) -> std::io::Result<Self> {
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", "read -r line; kill -s KILL -- \"-$0\"", &leader.to_string()])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A terminal's Ctrl-C goes to the lab's group; the guard must outlive it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let open = watcher.stdin.take();
        Ok(Self { watcher, _open: open })
    }

    /// Stops watching: the group's leader was reaped, so its number may soon be another's.
    pub(crate) fn dismiss(&mut self) {
        if let Err(error) = self.watcher.start_kill() {
            tracing::debug!(%error, "the guard was gone already");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Before the pipe closes, which would make it act.
        self.dismiss();
    }
}
