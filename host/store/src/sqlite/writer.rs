//! The writer: one thread that commits everybody's changes in groups, so that many runs share each sync to the disk.
//!
//! A change that meets nobody else is committed where it was asked for, because handing it to the thread and back costs
//! a good part of what the commit itself does.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::folder::Place;
use crate::error::StoreError;

/// The most changes in one transaction, so that nobody waits for an endless one.
const MAX_GROUP: usize = 1024;

/// A change, and whoever waits for it.
pub(crate) trait Job: Send {
    /// Makes the change within the open transaction; may be called again after a rollback.
    fn run(&mut self, connection: &Connection) -> Result<Kept, StoreError>;

    /// Answers, once it is known how the transaction ended.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Whether a change belongs into the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It does.
    Yes,
    /// It was refused before it wrote anything, and the others go on.
    No,
}

/// A change as a closure: the outer error is the store's, the inner one a refusal.
struct Work<T, E, F> {
    change: F,
    answer: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<Result<T, E>, StoreError>>,
}

/// Where in a transaction a group failed.
enum Failed {
    /// Nothing was done yet.
    Begin(StoreError),
    /// In one of the changes; everything was rolled back.
    Change(StoreError),
    /// At the commit: it may be durable after all.
    Commit(StoreError),
}

/// The writer's thread, seen from outside. Dropping it finishes what waits and joins the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// What the thread and everybody who makes a change share.
#[derive(Debug)]
struct Shared {
    group: Mutex<Group>,
    /// Changes that were handed to the thread and are not answered yet.
    waiting: AtomicUsize,
    /// Whether the thread's last group had more than one change.
    crowded: AtomicBool,
    commits: AtomicU64,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(
        connection: Connection,
        place: Arc<Place>,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let (jobs, waiting) = channel();
        let shared = Arc::new(Shared {
            group: Mutex::new(Group { connection, place, patience }),
            waiting: AtomicUsize::new(0),
            crowded: AtomicBool::new(false),
            commits: AtomicU64::new(0),
        });
        let thread = {
            let shared = Arc::clone(&shared);
            Builder::new()
                .name("lockstep-store".to_owned())
                .spawn(move || shared.serve(&waiting))?
        };
        Ok(Self { jobs: Some(jobs), thread: Some(thread), shared })
    }

    /// Makes `change` in a transaction and returns its answer once that is durable.
    ///
    /// A change that was handed over is made even if the caller stops waiting.
    pub(crate) async fn make<T, E, F>(&self, change: F) -> Result<Result<T, E>, StoreError>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&Connection) -> Result<Result<T, E>, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work { change, answer: None, reply });
        if let Some(job) = self.shared.at_once(job) {
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
                return Err(StoreError::Closed);
            }
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Returns how many transactions were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl<T, E, F> Job for Work<T, E, F>
where
    T: Send,
    E: Send,
    F: FnMut(&Connection) -> Result<Result<T, E>, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<Kept, StoreError> {
        let answer = (self.change)(connection)?;
        let kept = if answer.is_ok() { Kept::Yes } else { Kept::No };
        self.answer = Some(answer);
        Ok(kept)
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { answer, reply, .. } = *self;
        let answer = committed.and_then(|()| answer.ok_or(StoreError::Closed));
        // Nobody may be waiting any more; the change stands all the same.
        drop(reply.send(answer));
    }
}

/// What a transaction needs.
#[derive(Debug)]
struct Group {
    connection: Connection,
    place: Arc<Place>,
    patience: Duration,
}

impl Shared {
    fn serve(&self, waiting: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = waiting.recv() {
            let group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
            let mut jobs = vec![first];
            jobs.extend(waiting.try_iter().take(MAX_GROUP - 1));
            let count = jobs.len();
            self.crowded.store(count > 1, Ordering::Relaxed);
            self.commit(&group, jobs);
            self.waiting.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Commits `job` here and now if nobody is in the way, or else gives it back.
    fn at_once(&self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        if self.crowded.load(Ordering::Relaxed) || self.waiting.load(Ordering::Relaxed) > 0 {
            return Some(job);
        }
        let group = match self.group.try_lock() {
            Ok(group) => group,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Some(job),
        };
        let mut jobs = [job];
        // The caller's thread must not wait for another process; the writer's may.
        let committed = match self.attempt(&group, &mut jobs, Duration::ZERO) {
            Err(Failed::Begin(StoreError::Busy)) => {
                let [job] = jobs;
                return Some(job);
            }
            other => settled(other, 1),
        };
        for job in jobs {
            job.finish(committed.clone());
        }
        None
    }

    fn commit(&self, group: &Group, mut jobs: Vec<Box<dyn Job>>) {
        let committed = match self.attempt(group, &mut jobs, group.patience) {
            // One change that can't be made must not fail the others, and nothing of the group is written yet.
            Err(Failed::Change(_)) if jobs.len() > 1 => {
                return jobs.into_iter().for_each(|job| self.commit(group, vec![job]));
            }
            other => settled(other, jobs.len()),
        };
        for job in jobs {
            job.finish(committed.clone());
        }
    }

    fn attempt(
        &self,
        group: &Group,
        jobs: &mut [Box<dyn Job>],
        patience: Duration,
    ) -> Result<(), Failed> {
        group.begin(patience).map_err(Failed::Begin)?;
        let made = jobs.iter_mut().try_for_each(|job| group.change(job.as_mut()));
        let ended = made
            .map_err(Failed::Change)
            .and_then(|()| group.execute("COMMIT").map_err(Failed::Commit));
        if ended.is_ok() {
            self.commits.fetch_add(1, Ordering::Relaxed);
        } else if !group.connection.is_autocommit() {
            // SQLite has rolled back by itself after some failures, such as a full disk, but not after all.
            if let Err(error) = group.execute("ROLLBACK") {
                tracing::error!(%error, "could not roll back");
            }
        }
        ended
    }
}

impl Group {
    fn begin(&self, patience: Duration) -> Result<(), StoreError> {
        self.place.check()?;
        self.connection.busy_timeout(patience)?;
        self.execute("BEGIN IMMEDIATE")
    }

    fn change(&self, job: &mut dyn Job) -> Result<(), StoreError> {
        let before = self.connection.total_changes();
        match job.run(&self.connection)? {
            Kept::No if self.connection.total_changes() != before => {
                Err(StoreError::Failed("a refused change had written already".to_owned()))
            }
            Kept::Yes | Kept::No => Ok(()),
        }
    }

    fn execute(&self, statement: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(statement)?.execute([])?;
        Ok(())
    }
}

/// Returns what the callers are told.
fn settled(attempt: Result<(), Failed>, changes: usize) -> Result<(), StoreError> {
    attempt.map_err(|failed| {
        let (Failed::Begin(error) | Failed::Change(error) | Failed::Commit(error)) = failed;
        tracing::warn!(%error, changes, "changes were not committed");
        error
    })
}
