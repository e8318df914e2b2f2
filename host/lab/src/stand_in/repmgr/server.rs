//! The server's process under the node's.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

use super::error::NodeError;

/// A running server; dropping it kills it.
#[derive(Debug)]
pub(super) struct Server(Child);

impl Server {
    /// Starts the server on `data`.
    pub(super) fn start(bin: &Path, data: &Path) -> Result<Self, NodeError> {
        let program = bin.join("postgres");
        let child = command(&program)
            .arg("-D")
            .arg(data)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| NodeError::Start { program, source })?;
        Ok(Self(child))
    }

    /// Waits until it has ended by itself.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        // Waiting for our own child fails only if somebody else has reaped it.
        self.0.wait().await.unwrap_or_default()
    }

    /// Lets it read its files again.
    pub(super) fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Ends it: sessions are closed, and what they had committed is written.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::INT);
        self.ended().await;
    }

    /// Ends it at once, with nothing more sent to anybody.
    pub(super) async fn stop_at_once(mut self) {
        self.signal(Signal::QUIT);
        self.ended().await;
    }

    fn signal(&self, signal: Signal) {
        let pid = self.0.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(Err(error)) = pid.map(|pid| kill_process(pid, signal)) {
            tracing::warn!(%error, "could not signal the server");
        }
    }
}

/// Runs a tool to its end, with `input` and with `password` for whom it connects to.
pub(super) async fn complete(
    program: &Path,
    arguments: &[String],
    password: Option<&str>,
    input: &str,
) -> Result<(), NodeError> {
    let started = |source| NodeError::Start { program: program.to_owned(), source };
    let mut command = command(program);
    command.args(arguments).stdin(Stdio::piped()).kill_on_drop(true);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let mut child = command.spawn().map_err(started)?;
    if let Some(mut stdin) = child.stdin.take()
        && let Err(error) = stdin.write_all(input.as_bytes()).await
    {
        tracing::debug!(%error, "a tool did not read its input");
    }
    let status = child.wait().await.map_err(started)?;
    if status.success() {
        return Ok(());
    }
    let tool = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(NodeError::Tool { tool, status })
}

/// A command without the service's variables, some of which PostgreSQL would read.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LANG", "C.UTF-8").env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}
