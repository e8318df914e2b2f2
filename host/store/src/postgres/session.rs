//! Sessions: opened with everything set that durability rests on, and given up when they fall silent.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Connection, Error, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::{Access, ConnectError};
use super::error::chain;
use super::tls::{self, Proof};
use crate::error::StoreError;

/// How long an answer may take. The server gives up a statement earlier, so this ends only a wait for one that can't answer.
const ANSWER: Duration = Duration::from_secs(45);

/// What holds for a whole session, whatever the server, the database or the role has set.
///
/// `synchronous_commit` may be stricter than `on`, and never laxer. Each statement of a transaction must see what was
/// committed before it, because a statement may have waited for a lock.
const SETTINGS: &str = "
SET search_path = {schema}, pg_catalog;
SET statement_timeout = '30s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '30s';
SET default_transaction_isolation = 'read committed';
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
";

/// A parameter and its type, so that a statement and its parameters go in one message.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// An open session. Dropping it ends it, and with it what it had not committed.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    task: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    /// Opens a session.
    pub(super) async fn open(access: &Access) -> Result<Self, ConnectError> {
        let place = || access.place().to_owned();
        tracing::debug!(place = access.place(), "opening a session of the store");
        let session = match access.proof {
            Proof::ClearText => access.config.connect(NoTls).await.map(Self::of),
            proof @ (Proof::None | Proof::Full) => {
                let tls = tls::configuration(proof).map_err(ConnectError::Tls)?;
                access.config.connect(MakeRustlsConnect::new(tls)).await.map(Self::of)
            }
        };
        let session = session.map_err(|error| refused(place(), &error))?;
        session
            .batch(&SETTINGS.replace("{schema}", &access.schema))
            .await
            .map_err(|source| ConnectError::Store { place: place(), source })?;
        Ok(session)
    }

    fn of<S, T>((client, connection): (Client, Connection<S, T>)) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let task = tokio::spawn(async {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a session of the store ended");
            }
        });
        Self { client, task }
    }

    /// Returns whether it is known to have ended.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs a statement and returns its rows.
    pub(super) async fn rows(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        answered(self.client.query_typed(statement, parameters)).await
    }

    /// Runs a statement and returns its first row.
    pub(super) async fn row(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, parameters).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it changed.
    pub(super) async fn execute(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, StoreError> {
        answered(self.client.execute_typed(statement, parameters)).await
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, statements: &str) -> Result<(), StoreError> {
        answered(self.client.batch_execute(statements)).await
    }
}

/// Waits for an answer, but not for ever: a server that is stopped keeps its connections.
pub(super) async fn answered<T>(
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer.map_err(StoreError::from),
        Err(_elapsed) => {
            Err(StoreError::Unreachable(format!("no answer within {} s", ANSWER.as_secs())))
        }
    }
}

fn refused(place: String, error: &Error) -> ConnectError {
    let Some(answer) = error.as_db_error() else {
        return ConnectError::Unreachable { place, why: chain(error) };
    };
    let why = answer.message().to_owned();
    let code = answer.code();
    if *code == SqlState::INVALID_CATALOG_NAME {
        ConnectError::NoDatabase { place, why }
    } else if code.code().starts_with("28") {
        ConnectError::Refused { place, why }
    } else {
        ConnectError::Unreachable { place, why }
    }
}
