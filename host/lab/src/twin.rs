//! What all parts of a lab share: the state behind its lock, and the tasks that it set going.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::deploy::{self, Fronts};
use crate::faults::Faults;
use crate::identity;
use crate::programs::Programs;
use crate::registry::Registry;
use crate::state::{End, Happening, Header, Instance, Rights, State, Token, Work};
use crate::template;
use crate::volume;

/// The shared heart of a lab.
#[derive(Debug)]
pub(crate) struct Twin {
    state: Mutex<State>,
    faults: Mutex<Faults>,
    registry: Mutex<Registry>,
    pub(crate) clock: Clock,
    pub(crate) fronts: Fronts,
    pub(crate) folder: PathBuf,
    pub(crate) programs: Programs,
    pub(crate) stand_in: PathBuf,
    pub(crate) time_scale: f64,
    pub(crate) pace: Duration,
    pub(crate) control_token: String,
    changed: watch::Sender<u64>,
    pub(crate) down: watch::Sender<bool>,
    live: Mutex<HashMap<String, mpsc::UnboundedSender<End>>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What a twin is made of that its state doesn't hold.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) folder: PathBuf,
    pub(crate) programs: Programs,
    pub(crate) stand_in: PathBuf,
    pub(crate) time_scale: f64,
    pub(crate) pace: Duration,
    pub(crate) control_token: String,
}

impl Twin {
    pub(crate) fn new(state: State, parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            faults: Mutex::default(),
            registry: Mutex::new(Registry::new()),
            clock: parts.clock,
            fronts: Fronts::default(),
            folder: parts.folder,
            programs: parts.programs,
            stand_in: parts.stand_in,
            time_scale: parts.time_scale,
            pace: parts.pace,
            control_token: parts.control_token,
            changed: watch::Sender::new(0),
            down: watch::Sender::new(false),
            live: Mutex::default(),
            turns: Mutex::default(),
            tasks: Mutex::new(JoinSet::new()),
        })
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&lock(&self.state))
    }

    /// Changes the state, then sets going what the change asked for.
    pub(crate) fn write<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let work = std::mem::take(&mut state.work);
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        for work in work {
            self.begin(work);
        }
        result
    }

    /// Reads with the means of changing, for what needs exclusive access and changes nothing.
    pub(crate) fn examine<R>(&self, examine: impl FnOnce(&mut State) -> R) -> R {
        examine(&mut lock(&self.state))
    }

    /// Makes a project token.
    pub(crate) fn token(self: &Arc<Self>, rights: Rights, now: Timestamp) -> String {
        self.write(|state| {
            let id = state.id();
            let value = identity::uuid(state.seed, &format!("token {id}"));
            let name = format!("lab-{}", state.tokens.len());
            let header = Header::ProjectAccessToken;
            state.tokens.push(Token {
                id,
                name,
                value: value.clone(),
                header,
                rights,
                created_at: now,
            });
            value
        })
    }

    pub(crate) fn registry<R>(&self, with: impl FnOnce(&mut Registry) -> R) -> R {
        with(&mut lock(&self.registry))
    }

    pub(crate) fn faults<R>(&self, with: impl FnOnce(&mut Faults) -> R) -> R {
        with(&mut lock(&self.faults))
    }

    /// Waits until `reached` holds of the state.
    pub(crate) async fn until(&self, reached: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        while !self.read(&reached) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Returns the lock that one rollout at a time of `service` holds.
    pub(crate) fn turn(&self, service: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry(service.to_owned()).or_default())
    }

    /// Returns `duration`, which a setting names, as long as this lab takes for it.
    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        Duration::try_from_secs_f64(duration.as_secs_f64() * self.time_scale).unwrap_or(duration)
    }

    pub(crate) fn volume_folder(&self, instance: &str) -> PathBuf {
        folder_of(&self.folder, "volumes", instance)
    }

    pub(crate) fn backup_folder(&self, backup: &str) -> PathBuf {
        folder_of(&self.folder, "backups", backup)
    }

    pub(crate) fn log_file(&self, deployment: &str) -> PathBuf {
        folder_of(&self.folder, "logs", &format!("{deployment}.log"))
    }

    pub(crate) fn scratch_folder(&self, deployment: &str) -> PathBuf {
        folder_of(&self.folder, "scratch", deployment)
    }

    /// Runs `task` until it ends or the lab goes down.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the lab failed");
            }
        }
        tasks.spawn(task);
    }

    /// Stops every task, and with them every process.
    pub(crate) fn abort(&self) {
        lock(&self.tasks).abort_all();
        self.fronts.close();
    }

    pub(crate) async fn ended(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
    }

    pub(crate) fn has_ended(&self, deployment: &str) {
        lock(&self.live).remove(deployment);
    }

    fn begin(self: &Arc<Self>, work: Work) {
        match work {
            Work::Deploy(deployment) => self.run(deployment, deploy::From::Start),
            Work::End(deployment, end) => self.end(deployment, end),
            Work::BackUp { workflow, backup, service, from, to } => {
                self.spawn(volume::back_up(
                    Arc::clone(self),
                    volume::Copy { workflow, from, to },
                    backup,
                    service,
                ));
            }
            Work::Restore { workflow, backup, volume, from, to } => {
                self.spawn(volume::restore(
                    Arc::clone(self),
                    volume::Copy { workflow, from, to },
                    backup,
                    volume,
                ));
            }
            Work::Template { workflow, task } => {
                self.spawn(template::run(Arc::clone(self), workflow, task));
            }
            Work::Wipe(folder) => self.spawn(async move {
                if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
                    tracing::debug!(%error, folder = %folder.display(), "nothing to delete");
                }
            }),
        }
    }

    fn run(self: &Arc<Self>, deployment: String, from: deploy::From) {
        let (orders, received) = mpsc::unbounded_channel();
        lock(&self.live).insert(deployment.clone(), orders);
        self.spawn(deploy::run(Arc::clone(self), deployment, received, from));
    }

    /// Tells the deployment's task to end; without one there is no process, and the state alone changes.
    fn end(self: &Arc<Self>, deployment: String, end: End) {
        let told = lock(&self.live).get(&deployment).is_some_and(|orders| orders.send(end).is_ok());
        if told {
            return;
        }
        match end {
            End::Removed => {
                deploy::happened(self, &deployment, Happening::IsGone, Instance::Removed);
            }
            End::Stopped => {}
            End::Restarted => self.run(deployment, deploy::From::Process),
        }
    }
}

fn folder_of(folder: &Path, kind: &str, name: &str) -> PathBuf {
    folder.join(kind).join(name)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
