//! Canaries in PostgreSQL: a row each, in a table of the host's own.

use lockstep_engine::model::{Failure, Numbers};

use super::session::{Databases, Session, failure};

/// The server gives up before the host does. A name without a schema means the system's own.
const LIMITS: &str =
    "SET statement_timeout = '4s'; SET lock_timeout = '4s'; SET search_path = pg_catalog";

const WRITE: &str =
    "INSERT INTO lockstep.canary (number) VALUES ($1) ON CONFLICT (number) DO NOTHING";

/// Which of the stretches' numbers have no row.
const MISSING: &str = "\
    SELECT n FROM unnest($1::bigint[], $2::bigint[]) AS s(first, last), generate_series(s.first, s.last) AS n \
    WHERE NOT EXISTS (SELECT 1 FROM lockstep.canary c WHERE c.number = n) ORDER BY n";

/// How sessions call themselves in which canaries are written. A plugin that seals a database ends those as it ends its clients'.
const CALLED: &str = "lockstep:canary";

/// How those call themselves in which it is looked which are there.
const LOOKS: &str = "lockstep:ledger";

impl Databases {
    /// Opens a session in which canaries are written, where the connection was found last. It is a client's: a database that is
    /// sealed against writers is sealed against canaries too, for they stand for those.
    pub(crate) async fn session_of_canaries(&self, name: &str) -> Result<Session, Failure> {
        let session = self.dial_as_client(name, CALLED).await?;
        let set = session.client.batch_execute(LIMITS).await;
        set.map_err(|error| self.redactor.failure(failure(name, &error)))?;
        Ok(session)
    }

    /// Writes one canary.
    pub(crate) async fn write_row(
        &self,
        name: &str,
        session: &Session,
        number: u64,
    ) -> Result<(), Failure> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let written = session.client.execute(WRITE, &[&number]).await;
        written.map(|_| ()).map_err(|error| self.redactor.failure(failure(name, &error)))
    }

    /// Returns those of the acknowledged canaries that have no row. Without the table none has.
    pub(crate) async fn missing_rows(
        &self,
        name: &str,
        acknowledged: &Numbers,
    ) -> Result<Numbers, Failure> {
        let session = self.open(name, LOOKS).await?;
        let client = &session.client;
        let failed = |error: tokio_postgres::Error| self.redactor.failure(failure(name, &error));
        client.batch_execute(LIMITS).await.map_err(failed)?;
        let found: bool = client
            .query_one("SELECT to_regclass('lockstep.canary') IS NOT NULL", &[])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed)?;
        if !found {
            return Ok(acknowledged.clone());
        }
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (first, last): (Vec<i64>, Vec<i64>) = acknowledged
            .stretches()
            .iter()
            .map(|(first, last)| (whole(*first), whole(*last)))
            .unzip();
        let rows = client.query(MISSING, &[&first, &last]).await.map_err(failed)?;
        let number = |row: &tokio_postgres::Row| row.try_get::<_, i64>(0).map(i64::unsigned_abs);
        rows.iter().map(number).collect::<Result<_, _>>().map_err(failed)
    }
}
