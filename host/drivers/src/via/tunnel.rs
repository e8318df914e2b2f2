//! A tunnel of the system's `ssh`, ended when it is dropped.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use lockstep_engine::model::Failure;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::settings::Ssh;

/// How long a tunnel may take to open.
const OPENING: Duration = Duration::from_secs(20);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(25);

/// The most of what `ssh` says that is shown.
const MOST_SAID: usize = 500;

/// An open tunnel.
pub(crate) struct Tunnel {
    child: Mutex<Child>,
    /// What it leads to; another instance or deployment needs another tunnel.
    identity: String,
    /// The port on this machine.
    pub(super) port: u16,
}

impl Tunnel {
    /// Opens a tunnel to `port` of the instance `instance`.
    pub(super) async fn open(
        ssh: &Ssh,
        instance: &str,
        identity: String,
        port: u16,
    ) -> Result<Self, Failure> {
        let failed = |why: String| {
            Failure::transient(
                "ssh:tunnel",
                format!("could not open a tunnel through {}: {why}", ssh.host),
            )
        };
        let here = free_port().await.map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(&ssh.program);
        command.args(arguments(ssh, instance, here, port));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            failed(format!("`{}` does not start: {error}", ssh.program.display()))
        })?;
        let deadline = Instant::now() + OPENING;
        loop {
            if let Some(status) = child.try_wait().map_err(|error| failed(error.to_string()))? {
                return Err(failed(format!("ssh ended with {status}: {}", said(&mut child).await)));
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, here)).await.is_ok() {
                return Ok(Self { child: Mutex::new(child), identity, port: here });
            }
            if Instant::now() >= deadline {
                return Err(failed(format!("it did not open within {} s", OPENING.as_secs())));
            }
            sleep(LOOK).await;
        }
    }

    /// Returns whether it is still open and leads to what is wanted.
    pub(super) async fn leads_to(&self, identity: &str) -> bool {
        self.identity == identity && matches!(self.child.lock().await.try_wait(), Ok(None))
    }
}

fn arguments(ssh: &Ssh, instance: &str, here: u16, there: u16) -> Vec<String> {
    let mut arguments: Vec<String> = ["-N", "-T"].map(str::to_owned).to_vec();
    let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
    for fixed in [
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "ConnectTimeout=10",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "ControlMaster=no",
        "ControlPath=none",
    ] {
        option(fixed.to_owned());
    }
    match &ssh.known_hosts {
        Some(file) => {
            option(format!("UserKnownHostsFile=\"{}\"", file.display()));
            option("StrictHostKeyChecking=yes".to_owned());
        }
        // A key that changed is refused; one that was never seen is remembered.
        None => option("StrictHostKeyChecking=accept-new".to_owned()),
    }
    if let Some(file) = &ssh.identity {
        option("IdentitiesOnly=yes".to_owned());
        arguments.extend(["-i".to_owned(), file.display().to_string()]);
    }
    arguments.extend(["-L".to_owned(), format!("127.0.0.1:{here}:127.0.0.1:{there}")]);
    arguments.extend(["-p".to_owned(), ssh.port.to_string()]);
    arguments.extend(["-l".to_owned(), ssh.user.clone().unwrap_or_else(|| instance.to_owned())]);
    arguments.extend(["--".to_owned(), ssh.host.clone()]);
    arguments
}

async fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

async fn said(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = child.stderr.as_mut() {
        // What can't be read is not shown; the status says that it failed.
        drop(stderr.read_to_string(&mut text).await);
    }
    text.trim().chars().take(MOST_SAID).collect()
}
