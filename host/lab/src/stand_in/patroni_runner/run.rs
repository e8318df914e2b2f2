//! The runner from its start to its end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    super::{Kind, StandInError, endpoint::Endpoints, server::Stop, settings::Settings},
    error::RunnerError,
    leader,
    orphan::Server,
};

/// Names Patroni's executable.
pub(crate) const PROGRAM_VARIABLE: &str = "LOCKSTEP_LAB_PATRONI";
/// Names Patroni's configuration.
pub(crate) const CONFIGURATION_VARIABLE: &str = "LOCKSTEP_LAB_PATRONI_CONFIGURATION";
/// Names the folder of the data.
pub(crate) const DATA_VARIABLE: &str = "LOCKSTEP_LAB_PATRONI_DATA";

const API: u16 = 8008;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long Patroni may take to end when it no longer answers.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the runner was told.
struct Told {
    program: PathBuf,
    configuration: PathBuf,
    data: PathBuf,
    api: SocketAddr,
    etcd: String,
    scope: String,
    waits_for_leader: bool,
    check_every: Duration,
    most_failures: u32,
    longest_start: Duration,
}

impl Told {
    fn read(settings: &Settings) -> Result<Self, StandInError> {
        let number = |name: &str, usual: u64| {
            settings.get(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
        };
        Ok(Self {
            program: settings.required(PROGRAM_VARIABLE)?.into(),
            configuration: settings.required(CONFIGURATION_VARIABLE)?.into(),
            data: settings.required(DATA_VARIABLE)?.into(),
            api: SocketAddr::from((settings.address, API)),
            etcd: settings.required("PATRONI_ETCD3_HOSTS")?.to_owned(),
            scope: settings.get("PATRONI_SCOPE").unwrap_or("railway-pg-ha").to_owned(),
            waits_for_leader: settings.get("PATRONI_WAIT_FOR_LEADER") == Some("true"),
            check_every: Duration::from_secs(number("PATRONI_HEALTH_CHECK_INTERVAL", 5).max(1)),
            most_failures: u32::try_from(number("PATRONI_MAX_HEALTH_FAILURES", 3))
                .unwrap_or(u32::MAX),
            longest_start: Duration::from_secs(number("PATRONI_MAX_STARTUP_TIMEOUT", 1800)),
        })
    }
}

/// Runs Patroni until the node is asked to end, or Patroni ends or falls silent.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let told = Told::read(&settings)?;
    let endpoints = Endpoints::new().map_err(|error| {
        StandInError::refused(Kind::PatroniRunner, &format!("no HTTP client: {error}"))
    })?;
    if told.waits_for_leader && !told.data.join("global/pg_control").exists() {
        tokio::select! {
            biased;
            () = stop.wait() => return Ok(()),
            led = leader::wait(&endpoints, &told.etcd, &told.scope) => led?,
        }
    }
    take_in_orphans()?;
    let mut children = signal(SignalKind::child()).map_err(StandInError::Signal)?;
    let patroni = start(&told.program, &told.configuration)?;
    let mut server = Server::of(&told.data);
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let silent = falls_silent(&told, &endpoints);
    tokio::pin!(silent);
    let mut asked = false;
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.wait(), if !asked => {
                asked = true;
                tell(patroni, Signal::TERM);
            }
            _ = children.recv() => {
                if reap(patroni, &mut server) {
                    break if asked { Ok(()) } else { Err(RunnerError::Ended) };
                }
            }
            _ = looks.tick() => server.look(),
            error = &mut silent, if !asked => {
                tell(patroni, Signal::TERM);
                tokio::time::sleep(LAST_WORDS).await;
                tell(patroni, Signal::KILL);
                break Err(error);
            }
        }
    };
    server.kill();
    Ok(ended?)
}

/// Makes the runner the parent of whatever Patroni lets go of.
fn take_in_orphans() -> Result<(), RunnerError> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| RunnerError::Orphans(error.into()))?;
    Ok(())
}

/// Starts Patroni, which is waited for together with everything else that ends here.
fn start(program: &Path, configuration: &Path) -> Result<Pid, RunnerError> {
    let failed = |source| RunnerError::Start { program: program.to_owned(), source };
    let child =
        Command::new(program).arg(configuration).stdin(Stdio::null()).spawn().map_err(failed)?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| failed(std::io::Error::other("it has no id")))
}

/// Takes note of every process that has ended, and tells whether Patroni is among them.
fn reap(patroni: Pid, server: &mut Server) -> bool {
    let mut over = false;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == patroni {
            tracing::info!("Patroni has ended: {status:?}");
            over = true;
        }
        server.is_gone(pid.as_raw_nonzero().get().unsigned_abs());
    }
    over
}

/// Waits until Patroni, once it was healthy, was not so too often, or never became healthy in time.
async fn falls_silent(told: &Told, endpoints: &Endpoints) -> RunnerError {
    let deadline = Instant::now() + told.longest_start;
    let url = format!("http://{}/health", told.api);
    let (mut was_healthy, mut failures) = (false, 0);
    loop {
        tokio::time::sleep(told.check_every).await;
        let why = match endpoints.status(&url, None).await {
            Ok(StatusCode::OK) => {
                (was_healthy, failures) = (true, 0);
                continue;
            }
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        if was_healthy {
            failures += 1;
            tracing::warn!("Patroni is not healthy ({failures} of {}): {why}", told.most_failures);
        }
        if failures >= told.most_failures || (!was_healthy && Instant::now() > deadline) {
            return RunnerError::Unresponsive(why);
        }
    }
}

fn tell(pid: Pid, signal: Signal) {
    if let Err(error) = kill_process(pid, signal) {
        tracing::warn!(%error, "could not signal Patroni");
    }
}
