//! Work that goes on while others look at it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lockstep_engine::model::{Fact, Failure, Millis};
use lockstep_engine::run::Follow;
use tokio::task::JoinHandle;

use super::fence::terminate;
use super::session::Databases;

/// How often it is worth looking.
const LOOK: Millis = Millis(250);

/// Why work did not end well.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// What is compared is not equal: how it shows.
    Differs(String),
    /// It could not be done.
    Failed(Failure),
}

/// Returns what is shared, whatever became of whoever held it before: each holder leaves it whole at every line.
pub(super) fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Work that goes on. Dropping it ends it.
pub(super) struct Job {
    /// The connection on which its sessions change something, and how these call themselves.
    sessions: Option<(String, String)>,
    note: Box<dyn Fn() -> String + Send>,
    ended: Arc<OnceLock<Result<Vec<Fact>, Ended>>>,
    task: JoinHandle<()>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Job {
    /// Begins it; `note` says how far it is.
    pub(super) fn begin(
        note: impl Fn() -> String + Send + 'static,
        work: impl Future<Output = Result<Vec<Fact>, Ended>> + Send + 'static,
    ) -> Self {
        let ended = Arc::new(OnceLock::new());
        let shared = ended.clone();
        let task = tokio::spawn(async move {
            let _only_once = shared.set(work.await);
        });
        Self { sessions: None, note: Box::new(note), ended, task }
    }

    /// Returns it with how its sessions call themselves that change something on a connection.
    pub(super) fn changing(mut self, connection: &str, called: &str) -> Self {
        self.sessions = Some((connection.to_owned(), called.to_owned()));
        self
    }

    /// Looks how far it is.
    pub(super) fn look(&self) -> Result<Follow, Failure> {
        match self.ended.get() {
            Some(Ok(facts)) => Ok(Follow::Finished(facts.clone())),
            Some(Err(Ended::Differs(why))) => Ok(Follow::Failed(why.clone())),
            Some(Err(Ended::Failed(failure))) => Err(failure.clone()),
            None if self.task.is_finished() => Err(Failure::transient(
                "sql:job",
                "work between two databases stopped without an answer",
            )),
            None => Ok(Follow::Going { after: LOOK, note: (self.note)() }),
        }
    }
}

impl Databases {
    /// Ends what still goes on of other effects than that of `marker`: one effect comes to its end before the next begins, so
    /// whatever is left is of a step that was given up.
    pub(crate) async fn end_other_jobs(&self, marker: &str) {
        let left: Vec<Job> =
            self.jobs().extract_if(.., |other, _| other != marker).map(|(_, job)| job).collect();
        for job in left {
            let Some((name, called)) = job.sessions.clone() else { continue };
            drop(job);
            let ended = async {
                let session = self.open(&name, "lockstep:fence").await?;
                terminate(&session.client, &name, &called).await
            };
            if let Err(failure) = ended.await {
                tracing::warn!(connection = name, %failure, "sessions of a step that was given up may still go on");
            }
        }
    }

    pub(super) fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Job>> {
        locked(&self.jobs)
    }
}
