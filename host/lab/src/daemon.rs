//! A lab as a process of its own: serving, finding, stopping.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::control::Control;
use crate::lab::{Lab, LabError};
use crate::options::Options;
use crate::store;

/// How often something is looked at that is waited for.
const EVERY: Duration = Duration::from_millis(20);

/// A lab that another process runs: how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// The format's version.
    pub version: u32,
    /// The process that runs the lab.
    pub pid: u32,
    /// Where registry and controls are.
    pub url: String,
    /// `KEY=value` pairs to reach the lab with other tools.
    pub env: Vec<(String, String)>,
    /// The token that guards the controls.
    pub control_token: String,
}

/// Why a lab's process could not be served, found or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The lab did not start.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The folder's files can't be used.
    #[error("could not use `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file that tells of the process holds something else.
    #[error("could not read `{path}`")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The lab's process can't be reached.
    #[error("could not reach the lab at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The lab refused.
    #[error("the lab refused: {0}")]
    Refused(String),
    /// The new process ended before it served.
    #[error("the lab's process ended with {exit}; see `{log}`")]
    Ended {
        /// How it ended.
        exit: std::process::ExitStatus,
        /// Where it said why.
        log: PathBuf,
    },
    /// It took too long.
    #[error("the lab in `{folder}` did not {what} within {seconds} s")]
    TooSlow {
        /// The folder.
        folder: PathBuf,
        /// What it should have done.
        what: &'static str,
        /// How long was waited.
        seconds: u64,
    },
}

/// Runs a lab until somebody stops it: [`stop`], SIGTERM or SIGINT.
pub async fn serve(options: Options) -> Result<(), DaemonError> {
    let folder = options.folder.clone();
    let lab = Lab::up(options).await?;
    let path = folder.join("lab.json");
    let file = |source| DaemonError::File { path: path.clone(), source };
    let told = Daemon {
        version: 1,
        pid: std::process::id(),
        url: lab.url(),
        env: lab.env(),
        control_token: lab.control_token().to_owned(),
    };
    let text = serde_json::to_vec_pretty(&told)
        .map_err(|source| DaemonError::Format { path: path.clone(), source })?;
    store::write(&path, &text).map_err(file)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(file)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(file)?;
    tokio::select! {
        biased;
        () = lab.asked_down() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    lab.down().await?;
    std::fs::remove_file(&path).map_err(file)
}

/// Starts `command`, which is to call [`serve`] for `folder`, detached, and waits until its API answers.
pub async fn start(
    mut command: Command,
    folder: &Path,
    patience: Duration,
) -> Result<Daemon, DaemonError> {
    let log = folder.join("daemon.log");
    store::prepare(folder).map_err(LabError::from)?;
    let file = |source| DaemonError::File { path: log.clone(), source };
    let output = std::fs::OpenOptions::new().create(true).append(true).open(&log).map_err(file)?;
    let errors = output.try_clone().map_err(file)?;
    // A group of its own, so that the terminal's Ctrl-C doesn't reach it.
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    let mut child = command.spawn().map_err(file)?;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(daemon) = find(folder).await?
            && daemon.pid == child.id()
        {
            return Ok(daemon);
        }
        if let Some(exit) = child.try_wait().map_err(file)? {
            return Err(DaemonError::Ended { exit, log });
        }
        tokio::time::sleep(EVERY).await;
    }
    child.kill().map_err(file)?;
    let folder = folder.to_owned();
    Err(DaemonError::TooSlow { folder, what: "start", seconds: patience.as_secs() })
}

/// Returns the lab that runs in `folder`, or nothing where none does, whatever a dead one left behind.
pub async fn find(folder: &Path) -> Result<Option<Daemon>, DaemonError> {
    if !folder.join("lab.lock").exists() || store::lock(folder).map_err(LabError::from)?.is_some() {
        return Ok(None);
    }
    let path = folder.join("lab.json");
    let text = match tokio::fs::read(&path).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DaemonError::File { path, source }),
    };
    let daemon: Daemon =
        serde_json::from_slice(&text).map_err(|source| DaemonError::Format { path, source })?;
    // What a killed lab left may tell of another process than the one that starts just now.
    Ok(daemon.control(&Control::Status).await.is_ok().then_some(daemon))
}

/// Stops the lab that runs in `folder`; true where there was one.
///
/// A process that doesn't end in time is killed, and with it everything that it started.
pub async fn stop(folder: &Path, patience: Duration) -> Result<bool, DaemonError> {
    let Some(daemon) = find(folder).await? else { return Ok(false) };
    daemon.control(&Control::Down).await?;
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if store::lock(folder).map_err(LabError::from)?.is_some() {
            return Ok(true);
        }
        tokio::time::sleep(EVERY).await;
    }
    let pid = i32::try_from(daemon.pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::KILL)
    {
        tracing::debug!(%error, "the lab's process ended by itself");
    }
    Ok(true)
}

impl Daemon {
    /// Does `control` in the lab and returns what it tells.
    pub async fn control(&self, control: &Control) -> Result<Value, DaemonError> {
        let unreachable = |source| DaemonError::Unreachable { url: self.url.clone(), source };
        let answer = self.post(control).await.map_err(unreachable)?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(DaemonError::Refused(error.to_owned())),
            None => Ok(answer.get("ok").cloned().unwrap_or_default()),
        }
    }

    /// Posts one control by hand: the lab's own HTTP needs no client library with its TLS.
    async fn post(&self, control: &Control) -> std::io::Result<Value> {
        let host = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let body = serde_json::to_string(control)?;
        let request = format!(
            "POST /lab/control HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.control_token,
            body.len(),
        );
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or_else(|| std::io::Error::other("not an HTTP answer"))?;
        Ok(serde_json::from_str(body)?)
    }
}
