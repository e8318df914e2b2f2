//! The writer: one task that commits the appends of all runs in groups, so that many runs share each round trip and each
//! sync to the server's disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use lockstep_engine::journal::{Epoch, Head};
use lockstep_engine::model::RunId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Statement};

use super::connect::Access;
use super::server::{Server, open};
use super::session::{Session, answered};
use crate::append::{Line, Refused};
use crate::error::StoreError;

/// The most appends in one transaction, so that nobody waits for an endless one.
const MAX_GROUP: usize = 1024;

/// What each append runs: the schema's own function.
const APPEND: &str = "SELECT append($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// What becomes of an append.
type Answer = Result<Result<(), Refused>, StoreError>;

/// An append, and whoever waits for it.
struct Append {
    run: String,
    epoch: i64,
    next: i64,
    head: String,
    start: String,
    sequences: Vec<i64>,
    kinds: Vec<&'static str>,
    digests: Vec<String>,
    bodies: Vec<String>,
    reply: oneshot::Sender<Answer>,
}

/// The writer's task, seen from outside. It ends by itself when the last handle is gone and everything is answered.
pub(super) struct Writer {
    queue: mpsc::UnboundedSender<Append>,
    _task: JoinHandle<()>,
}

/// What the task works with.
struct Worker {
    access: Access,
    session: Option<(Session, Statement)>,
    commits: Arc<AtomicU64>,
}

/// Where in a transaction a group failed.
enum Failed {
    /// In one of the appends: nothing is durable.
    Change,
    /// Anywhere else: all of it may be durable, or nothing.
    Elsewhere(StoreError),
}

impl Server {
    pub(crate) async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        lines: Vec<Line>,
    ) -> Answer {
        let (reply, answer) = oneshot::channel();
        let append = Append::new(run, epoch, after, lines, reply);
        if self.writer().queue.send(append).is_err() {
            return Err(StoreError::Closed);
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Append {
    fn new(
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        lines: Vec<Line>,
        reply: oneshot::Sender<Answer>,
    ) -> Self {
        let count = lines.len();
        let mut append = Self {
            run: run.to_string(),
            // No lease has such a number, and no journal such an end.
            epoch: i64::try_from(epoch.0).unwrap_or(-1),
            next: i64::try_from(after.next).unwrap_or(-1),
            head: after.digest.to_string(),
            start: Head::start(run).digest.to_string(),
            sequences: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            digests: Vec::with_capacity(count),
            bodies: Vec::with_capacity(count),
            reply,
        };
        for Line { sequence, epoch: _, kind, digest, body } in lines {
            append.sequences.push(sequence);
            append.kinds.push(kind);
            append.digests.push(digest);
            append.bodies.push(body);
        }
        append
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.run,
            &self.epoch,
            &self.next,
            &self.head,
            &self.start,
            &self.sequences,
            &self.kinds,
            &self.digests,
            &self.bodies,
        ]
    }

    fn answer(self, answer: Answer) {
        // Nobody may be waiting any more; what was appended stands all the same.
        drop(self.reply.send(answer));
    }
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(access: Access, commits: Arc<AtomicU64>) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let worker = Worker { access, session: None, commits };
        Self { queue, _task: tokio::spawn(worker.serve(waiting)) }
    }
}

impl Worker {
    async fn serve(mut self, mut waiting: mpsc::UnboundedReceiver<Append>) {
        while let Some(first) = waiting.recv().await {
            let mut group = vec![first];
            while group.len() < MAX_GROUP
                && let Ok(next) = waiting.try_recv()
            {
                group.push(next);
            }
            self.commit(group).await;
        }
    }

    async fn commit(&mut self, mut group: Vec<Append>) {
        if group.len() > 1 {
            // Two processes that lock the same rows do so in the same order.
            group.sort_by(|one, other| one.run.cmp(&other.run));
            match self.together(&group).await {
                Ok(answers) => {
                    for (append, answer) in group.into_iter().zip(answers) {
                        append.answer(Ok(answer));
                    }
                    return;
                }
                // One append that can't be made must not fail the others, and nothing of the group is written yet.
                Err(Failed::Change) => {}
                Err(Failed::Elsewhere(error)) => {
                    tracing::warn!(%error, appends = group.len(), "appends were not committed");
                    return group.into_iter().for_each(|one| one.answer(Err(error.clone())));
                }
            }
        }
        for append in group {
            let answer = self.alone(&append).await;
            if let Err(error) = &answer {
                tracing::warn!(%error, run = append.run, "an append was not committed");
            }
            append.answer(answer);
        }
    }

    /// Makes one append, which is a transaction by itself: one message there, one back.
    async fn alone(&mut self, append: &Append) -> Answer {
        let (session, statement) = self.session().await?;
        let row = answered(session.client.query_one(statement, &append.parameters())).await;
        match row {
            Ok(row) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                outcome(&row)
            }
            Err(error) => {
                self.give_up(&error);
                Err(error)
            }
        }
    }

    /// Makes all appends of a group in one transaction, sent in one go and committed only when each has answered.
    async fn together(&mut self, group: &[Append]) -> Result<Vec<Result<(), Refused>>, Failed> {
        let (session, statement) = self.session().await.map_err(Failed::Elsewhere)?;
        let parameters: Vec<_> = group.iter().map(Append::parameters).collect();
        let appends = parameters.iter().map(|all| session.client.query_one(statement, all));
        let sent = async {
            // A client sends in the order in which it is asked, and asking is the first thing that each future does.
            let (begun, rows) = futures_util::future::join(
                session.client.batch_execute("BEGIN"),
                join_all(appends),
            )
            .await;
            begun.map(|()| rows)
        };
        let rows = match answered(sent).await {
            Ok(rows) => rows,
            Err(error) => {
                self.session = None;
                return Err(Failed::Elsewhere(error));
            }
        };
        let answers = rows.into_iter().map(|row: Result<Row, Error>| outcome(&row?)).collect();
        let ended = match &answers {
            Ok(_) => session.batch("COMMIT").await,
            Err(_) => session.batch("ROLLBACK").await,
        };
        match (answers, ended) {
            (Ok(answers), Ok(())) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                Ok(answers)
            }
            (Err(_), Ok(())) => Err(Failed::Change),
            // What was not committed ends with the session.
            (_, Err(error)) => {
                self.session = None;
                Err(Failed::Elsewhere(error))
            }
        }
    }

    /// Returns the session, which is opened where there is none: before anything is sent, never afterwards.
    async fn session(&mut self) -> Result<&(Session, Statement), StoreError> {
        if self.session.as_ref().is_none_or(|(session, _)| session.is_over()) {
            self.session = None;
            let session = open(&self.access).await?;
            let text = Type::TEXT;
            let types = [
                text.clone(),
                Type::INT8,
                Type::INT8,
                text.clone(),
                text,
                Type::INT8_ARRAY,
                Type::TEXT_ARRAY,
                Type::TEXT_ARRAY,
                Type::TEXT_ARRAY,
            ];
            let statement = answered(session.client.prepare_typed(APPEND, &types)).await?;
            self.session = Some((session, statement));
        }
        self.session.as_ref().ok_or(StoreError::Closed)
    }

    /// Ends the session after an error that leaves open what became of what was sent.
    fn give_up(&mut self, error: &StoreError) {
        if matches!(error, StoreError::Unreachable(_)) {
            self.session = None;
        }
    }
}

/// Reads what the schema's function says.
fn outcome(row: &Row) -> Answer {
    match row.try_get::<_, &str>(0)? {
        "appended" => Ok(Ok(())),
        "no run" => Ok(Err(Refused::NoRun)),
        "superseded" => Ok(Err(Refused::Superseded)),
        "diverged" => Ok(Err(Refused::Diverged)),
        other => Err(StoreError::Failed(format!("an append was answered with `{other}`"))),
    }
}
