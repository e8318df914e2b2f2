//! What became of a transaction: the server knows, as long as it is the same server.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Atomicity, Failure, Proof};
use tokio_postgres::Client;

use super::session::{Databases, failure};
use crate::order::Order;

/// What stands for a transaction's number.
pub(super) const XID: &str = "xid";

/// A server and the line of history that it writes. After a fail-over the same number means another transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    system: String,
    timeline: String,
}

impl Server {
    /// Returns the server that an intent recorded.
    pub(super) fn recorded(standing: &Standing) -> Option<Self> {
        let of = |name: &str| standing.get(name).cloned().flatten();
        Some(Self { system: of("system")?, timeline: of("timeline")? })
    }

    /// Returns how it stands.
    pub(super) fn standing(&self) -> Standing {
        Standing::from([
            ("system".to_owned(), Some(self.system.clone())),
            ("timeline".to_owned(), Some(self.timeline.clone())),
        ])
    }

    /// Refuses another server than this one.
    pub(super) fn must_be(&self, found: &Self, name: &str) -> Result<(), Failure> {
        if self == found {
            return Ok(());
        }
        let text = format!(
            "connection `{name}` leads to another server, or to the same one after a fail-over"
        );
        Err(Failure::permanent("sql:other-server", text))
    }
}

/// Asks a session which server it talks to. The name of the file being written holds the timeline as of now; the
/// control file holds it as of the last checkpoint.
pub(super) async fn identify(client: &Client, name: &str) -> Result<Server, Failure> {
    let failed = |error: tokio_postgres::Error| failure(name, &error);
    let row = client
        .query_one(
            "SELECT system_identifier::text, pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) \
             FROM pg_catalog.pg_control_system()",
            &[],
        )
        .await
        .map_err(failed)?;
    Ok(Server {
        system: row.try_get(0).map_err(failed)?,
        timeline: row.try_get(1).map_err(failed)?,
    })
}

impl Databases {
    /// Finds out what became of statements: by the transaction's number, else by the declared proof.
    pub(crate) async fn settle(
        &self,
        order: &Order<'_>,
        name: &str,
        atomicity: Atomicity,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let recorded =
            intent.before.get(XID).cloned().flatten().zip(Server::recorded(&intent.before));
        if let (Atomicity::Transaction, Some((xid, server))) = (atomicity, recorded) {
            let session = self.open(name, "lockstep:settle").await?;
            let now = identify(&session.client, name)
                .await
                .map_err(|failure| self.redactor.failure(failure))?;
            if now == server
                && let Some(fate) = by_number(&session.client, name, &xid).await?
            {
                return Ok(fate);
            }
        }
        Ok(match &order.effect.proof {
            Proof::Repeatable => Fate::DidNot,
            Proof::Read(proof) => {
                if self.truth(name, proof).await? {
                    Fate::Happened(Vec::new())
                } else {
                    Fate::DidNot
                }
            }
            Proof::ByKind | Proof::Ask => Fate::CannotTell(format!(
                "effect `{}` was sent to database connection `{name}` at {} ms since 1970 and its answer never came: did it happen?",
                intent.label, intent.begun.0
            )),
        })
    }
}

/// Returns what the server says about a transaction; none when it is too old for the server to know, or not its own.
async fn by_number(client: &Client, name: &str, xid: &str) -> Result<Option<Fate>, Failure> {
    let asked = client.query_one("SELECT pg_catalog.pg_xact_status($1::text::xid8)", &[&xid]).await;
    let status: Option<String> = match asked {
        Ok(row) => row.try_get(0).map_err(|error| failure(name, &error))?,
        // The number lies in this server's future.
        Err(error) if error.as_db_error().is_some_and(|answer| answer.code().code() == "22023") => {
            None
        }
        Err(error) => return Err(failure(name, &error)),
    };
    Ok(match status.as_deref() {
        Some("committed") => Some(Fate::Happened(Vec::new())),
        Some("aborted") => Some(Fate::DidNot),
        Some("in progress") => Some(Fate::StillGoing),
        Some(_) | None => None,
    })
}
