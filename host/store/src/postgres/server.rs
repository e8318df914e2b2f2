//! The handle on a store's server.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::connect::{Access, ConnectError};
use super::schema;
use super::session::{Parameter, Session};
use super::writer::Writer;
use crate::error::StoreError;

/// A handle on a store in PostgreSQL; clones share their sessions: one for looks, one for changes, one for appends.
///
/// A session that was lost is opened again by whoever needs it next, and never in the middle of anything. Nobody holds a
/// lock, here or in the database, in a future that its caller may stop polling: changes and appends run in tasks.
#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    access: Access,
    looks: std::sync::Mutex<Option<Arc<Session>>>,
    changes: Mutex<Option<Session>>,
    writer: Writer,
    commits: Arc<AtomicU64>,
}

impl fmt::Debug for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Server").field(&self.shared.access).finish()
    }
}

impl Server {
    /// Opens the store, and makes or migrates its schema.
    pub(crate) async fn connect(access: Access) -> Result<Self, ConnectError> {
        let session = Session::open(&access).await?;
        schema::ensure(&session, &access).await?;
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Writer::start(access.clone(), Arc::clone(&commits));
        let looks = std::sync::Mutex::new(Some(Arc::new(session)));
        let changes = Mutex::new(None);
        Ok(Self { shared: Arc::new(Shared { access, looks, changes, writer, commits }) })
    }

    pub(crate) fn place(&self) -> &str {
        self.shared.access.place()
    }

    pub(crate) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.shared.writer
    }

    pub(crate) async fn setting(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let select = "SELECT value FROM settings WHERE name = $1";
        match self.look(select, &[(&name, Type::TEXT)]).await?.first() {
            Some(row) => Ok(row.try_get(0)?),
            None => Err(StoreError::Damaged(format!("it has no {name}"))),
        }
    }

    /// Asks the server something. A look changes nothing, so one that finds its session lost asks again in a new one.
    pub(super) async fn look(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let known = self.looks().clone().filter(|session| !session.is_over());
        if let Some(session) = known {
            match session.rows(statement, parameters).await {
                Err(StoreError::Unreachable(_)) => {}
                answer => return answer,
            }
        }
        let session = Arc::new(open(&self.shared.access).await?);
        let answer = session.rows(statement, parameters).await;
        *self.looks() = Some(session);
        answer
    }

    fn looks(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        // The slot is whole whenever its lock is let go.
        self.shared.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in a task, so that it goes on to its end whatever becomes of its caller.
    pub(super) async fn apart<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        match tokio::spawn(work(self.clone())).await {
            Ok(done) => done,
            Err(error) => Err(StoreError::Failed(error.to_string())),
        }
    }

    /// Begins a change, which is made by [`Change::commit`] and by nothing else. Only for what runs [`apart`](Self::apart).
    pub(super) async fn begin(&self) -> Result<Change<'_>, StoreError> {
        let mut slot = self.shared.changes.lock().await;
        if let Some(session) = slot.take().filter(|session| !session.is_over()) {
            match session.batch("BEGIN").await {
                // Nothing was changed yet, so it may be begun again in a new session.
                Err(StoreError::Unreachable(_)) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Change { slot, session, commits: &self.shared.commits }),
            }
        }
        let session = open(&self.shared.access).await?;
        session.batch("BEGIN").await?;
        Ok(Change { slot, session, commits: &self.shared.commits })
    }
}

/// Opens a session for a handle that is open already.
pub(super) async fn open(access: &Access) -> Result<Session, StoreError> {
    Session::open(access).await.map_err(|error| match error {
        ConnectError::Store { source, .. } => source,
        other @ (ConnectError::Url
        | ConnectError::Schema(_)
        | ConnectError::Tls(_)
        | ConnectError::Unreachable { .. }
        | ConnectError::Refused { .. }
        | ConnectError::NoDatabase { .. }
        | ConnectError::Denied { .. }
        | ConnectError::Unfit { .. }
        | ConnectError::NotAStore { .. }
        | ConnectError::Newer { .. }
        | ConnectError::Randomness(_)) => StoreError::Unreachable(other.to_string()),
    })
}

/// An open transaction. Whoever drops it ends the session, by which the server takes everything back.
pub(super) struct Change<'a> {
    slot: tokio::sync::MutexGuard<'a, Option<Session>>,
    session: Session,
    commits: &'a AtomicU64,
}

impl Change<'_> {
    pub(super) async fn row(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Row>, StoreError> {
        self.session.row(statement, parameters).await
    }

    pub(super) async fn rows(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.session.rows(statement, parameters).await
    }

    pub(super) async fn execute(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, StoreError> {
        self.session.execute(statement, parameters).await
    }

    /// Makes the change durable.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.session.batch("COMMIT").await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        *self.slot = Some(self.session);
        Ok(())
    }

    /// Takes everything back.
    pub(super) async fn roll_back(mut self) -> Result<(), StoreError> {
        self.session.batch("ROLLBACK").await?;
        *self.slot = Some(self.session);
        Ok(())
    }
}
