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
use super::session::{Databases, called, failure};
use crate::order::Order;
use crate::railway::Deadline;

/// How long the end of a session may take to be answered, or to be seen.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether a session is gone.
const LOOK: Duration = Duration::from_millis(20);

/// Every ordinary table of schemas, and that of the canaries, which are there to wait as writers do, in one order for everybody who locks them; a schema without any has one row without a table.
const TABLES: &str = "\
    SELECT n.nspname::text, CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, c.relname) END \
    FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c \
      ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
    WHERE n.nspname::text = ANY($1) OR (n.nspname = 'lockstep' AND c.relname = 'canary' \
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
      AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')) ORDER BY c.oid";

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
        self.comparisons().clear();
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

/// Writes are not blocked.
enum Unlocked {
    /// Surely.
    Surely(Failure),
    /// As far as can be told.
    Perhaps(Failure),
}

/// Locks the tables, and returns how many. The server ends the session when what is `left` is over, counted from the
/// beginning of its transaction, by its own clock.
async fn lock(
    client: &Client,
    block: &Block<'_>,
    left: impl Fn() -> Millis,
    deadline: Deadline<'_>,
) -> Result<usize, Unlocked> {
    let name = block.connection;
    let failed = |error: tokio_postgres::Error| Unlocked::Surely(failure(name, &error));
    let over = || {
        let text = format!("there is no time left to block writes on connection `{name}`");
        Unlocked::Surely(Failure::permanent("sql:overdue", text))
    };
    let longest = left().0;
    if longest == 0 {
        return Err(over());
    }
    let begin = format!(
        "SET idle_in_transaction_session_timeout = {longest}; SET statement_timeout = {longest}; SET lock_timeout = {}; \
         SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; \
         BEGIN ISOLATION LEVEL READ COMMITTED",
        block.lock_timeout.0
    );
    client.batch_execute(&begin).await.map_err(failed)?;
    let (tables, count) = tables(client, block).await.map_err(Unlocked::Surely)?;
    if left().0 == 0 {
        return Err(over());
    }
    deadline.check().map_err(Unlocked::Surely)?;
    let locks = format!(
        "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE; \
         SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', GREATEST(1, {longest} - pg_catalog.floor(1000 * \
         EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - pg_catalog.now())))::bigint::text, false)",
        tables.join(", ")
    );
    // The server gives up by itself; only one that can't be reached any more does not answer.
    let patience = Millis(longest).duration() + PATIENCE;
    match timeout(patience, client.batch_execute(&locks)).await {
        Ok(Ok(())) => Ok(count),
        Ok(Err(error)) if error.as_db_error().is_some() => Err(failed(error)),
        Ok(Err(error)) => Err(Unlocked::Perhaps(failure(name, &error))),
        Err(elapsed) => Err(Unlocked::Perhaps(Failure::transient(
            "sql:timeout",
            format!("connection `{name}` did not answer whether writes are blocked: {elapsed}"),
        ))),
    }
}

/// Returns the tables to lock as they stand now, each with its schema, quoted; and how many of them are the plan's.
async fn tables(client: &Client, block: &Block<'_>) -> Result<(Vec<String>, usize), Failure> {
    let name = block.connection;
    let failed = |error: tokio_postgres::Error| failure(name, &error);
    let rows = client.query(TABLES, &[&block.schemas]).await.map_err(failed)?;
    let mut found: Vec<(String, Option<String>)> = Vec::with_capacity(rows.len());
    for row in rows {
        found.push((row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?));
    }
    let lacks = |schema: &&String| !found.iter().any(|(known, _)| known == *schema);
    if let Some(schema) = block.schemas.iter().find(lacks) {
        let text = format!("connection `{name}` has no schema `{schema}`");
        return Err(Failure::permanent("sql:no-schema", text));
    }
    let is_the_plans = |(schema, table): &&(String, Option<String>)| {
        table.is_some() && block.schemas.contains(schema)
    };
    let count = found.iter().filter(is_the_plans).count();
    if count == 0 {
        let text = format!("connection `{name}` has no table in {}", block.schemas.join(", "));
        return Err(Failure::permanent("sql:no-table", text));
    }
    Ok((found.into_iter().filter_map(|(_, table)| table).collect(), count))
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
