//! Blocks on writes: a session of the host's own that keeps writers waiting, and that the server ends by itself.
//!
//! Nothing is sent in that session once the tables are locked, so that the server counts it as idle from then on and ends it
//! when its time is over, whether the host lives, stands still or is cut off. What the host may still do is end it earlier.

use std::time::Duration;

use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Fact, Failure, Label, Millis, Value};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::fence::terminate;
use super::lock::{Unlocked, lock};
use super::session::{Databases, called, failure};
use crate::order::Order;
use crate::railway::Deadline;

/// How long the end of a session may take to be answered, or to be seen.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether a session is gone.
const LOOK: Duration = Duration::from_millis(20);

/// How many sessions call themselves so, and whether one of them is not done with locking.
const SESSIONS: &str = "\
    SELECT count(*), coalesce(bool_or(a.state IS DISTINCT FROM 'idle in transaction' OR NOT EXISTS \
      (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' \
        AND l.mode = 'ShareRowExclusiveLock')), false) \
    FROM pg_catalog.pg_stat_activity a \
    WHERE a.application_name = $1 AND a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()";

/// What a block is about.
pub(crate) struct Block<'a> {
    pub(crate) connection: &'a str,
    pub(crate) schemas: &'a [String],
    /// The longest that it lasts.
    pub(crate) max_outage: Millis,
    /// How long one table is waited for.
    pub(crate) lock_timeout: Millis,
}

/// What stands of a block at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// No session of it: writes flow.
    Gone,
    /// A session that has not locked everything yet.
    Locking,
    /// A session that holds its locks.
    Blocks,
}

impl Databases {
    /// Blocks writes, for no longer than the section that the effect belongs to may still last.
    pub(crate) async fn hold(
        &self,
        order: &Order<'_>,
        block: &Block<'_>,
        deadline: Deadline<'_>,
    ) -> Sent {
        let own = own_name(order, &order.effect.label);
        // One that this process holds already would be waited for in vain.
        drop(self.holds.lock().await.remove(&own));
        let session = match self.open(block.connection, &own).await {
            Ok(session) => session,
            Err(failure) => return Sent::Refused(failure),
        };
        let until = order.deadline;
        let left = || {
            let left = until.map_or(Millis(0), |until| until.since((deadline.now)()));
            left.min(block.max_outage)
        };
        match lock(&session.client, block, left, deadline).await {
            Ok(tables) => {
                self.holds.lock().await.insert(own, session);
                let tables = Value::Integer(i64::try_from(tables).unwrap_or(i64::MAX));
                Sent::Done(vec![Fact::one("tables", tables)])
            }
            Err(Unlocked::Surely(failure)) => Sent::Refused(self.redactor.failure(failure)),
            Err(Unlocked::Perhaps(failure)) => Sent::Unknown(self.redactor.failure(failure)),
        }
    }

    /// Lifts the block that `hold` made. On the way there it must still stand, or what was done since was not protected.
    pub(crate) async fn release(&self, order: &Order<'_>, name: &str, hold: &Label) -> Sent {
        let called = own_name(order, hold);
        let own = self.holds.lock().await.remove(&called);
        if let Some(session) = own {
            // A session of which the server took this is one that it had not ended, and nothing else ends its transaction.
            let ended = timeout(PATIENCE, session.client.batch_execute("ROLLBACK")).await;
            match ended {
                Ok(Ok(())) => return Sent::Done(Vec::new()),
                Ok(Err(_)) | Err(_) if !order.undo => return Sent::Refused(lifted(name, hold)),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        match self.end(name, &called, order.undo).await {
            Ok(true) => Sent::Done(Vec::new()),
            Ok(false) => Sent::Refused(lifted(name, hold)),
            Err(failure) => Sent::Refused(self.redactor.failure(failure)),
        }
    }

    /// Finds out whether writes are blocked.
    pub(crate) async fn settle_hold(&self, order: &Order<'_>, name: &str) -> Result<Fate, Failure> {
        let session = self.open(name, "lockstep:settle").await?;
        let own = own_name(order, &order.effect.label);
        Ok(match look(&session.client, name, &own).await? {
            Stands::Gone => Fate::DidNot,
            Stands::Locking => Fate::StillGoing,
            Stands::Blocks => Fate::Happened(Vec::new()),
        })
    }

    /// Finds out whether a block was lifted. Where it is gone nobody can tell how long it stood, so on the way there that
    /// counts as not lifted, and doing it again fails.
    pub(crate) async fn settle_release(
        &self,
        order: &Order<'_>,
        name: &str,
        hold: &Label,
    ) -> Result<Fate, Failure> {
        let session = self.open(name, "lockstep:settle").await?;
        let stands = look(&session.client, name, &own_name(order, hold)).await?;
        let done = order.undo && stands == Stands::Gone;
        Ok(if done { Fate::Happened(Vec::new()) } else { Fate::DidNot })
    }

    /// Lifts every block that this process holds, and ends what it compares: snapshots hold back clean-up for as long as they last.
    pub(crate) async fn let_go(&self) {
        self.jobs().clear();
        self.snapshots.lock().await.clear();
        let held = std::mem::take(&mut *self.holds.lock().await);
        for session in held.into_values() {
            // Whatever comes of this, the session ends with its connection.
            let ended = timeout(PATIENCE, session.client.batch_execute("ROLLBACK")).await;
            tracing::debug!(ok = matches!(ended, Ok(Ok(()))), "let go of a block on writes");
        }
    }

    /// Ends the sessions that another process left, and returns whether the block stood, or whether that is all the same.
    async fn end(&self, name: &str, called: &str, undo: bool) -> Result<bool, Failure> {
        let session = self.open(name, "lockstep:release").await?;
        let client = &session.client;
        let stood = look(client, name, called).await? == Stands::Blocks;
        terminate(client, name, called).await?;
        let gone = async {
            while look(client, name, called).await? != Stands::Gone {
                sleep(LOOK).await;
            }
            Ok(())
        };
        match timeout(PATIENCE, gone).await {
            Ok(gone) => gone.map(|()| stood || undo),
            Err(elapsed) => Err(Failure::transient(
                "sql:timeout",
                format!("connection `{name}` did not end a session that blocks writes: {elapsed}"),
            )),
        }
    }
}

/// Returns how the session calls itself that `hold` makes in the effect's run: so people and other processes find it.
fn own_name(order: &Order<'_>, hold: &Label) -> String {
    called(&format!("lockstep-hold:{}:{hold}", order.run()))
}

async fn look(client: &Client, name: &str, called: &str) -> Result<Stands, Failure> {
    let failed = |error: tokio_postgres::Error| failure(name, &error);
    let row = client.query_one(SESSIONS, &[&called]).await.map_err(failed)?;
    let sessions: i64 = row.try_get(0).map_err(failed)?;
    let locking: bool = row.try_get(1).map_err(failed)?;
    Ok(match (sessions, locking) {
        (0, _) => Stands::Gone,
        (_, true) => Stands::Locking,
        (_, false) => Stands::Blocks,
    })
}

fn lifted(name: &str, hold: &Label) -> Failure {
    let text = format!(
        "the block on writes that `{hold}` made on connection `{name}` did not stand any more: what was done since was not \
         protected by it"
    );
    Failure::permanent("sql:lifted", text)
}
