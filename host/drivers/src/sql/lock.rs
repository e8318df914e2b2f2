//! Locks all tables of a block on writes, without a deadlock with the writers that it waits for.
//!
//! A writer that touches two tables holds the first and waits for the second. Whoever locks the second before the first waits for
//! that writer, which waits for him, and the server ends one of them with an error a second later. The order in which writers
//! lock is not known, so it is found out: only the first table is waited for, with nothing held that anybody could wait for; the
//! others are taken at once or all are let go, and the one that was not free is the first of the next attempt.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use lockstep_engine::model::{Failure, Millis};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::hold::{Block, PATIENCE};
use super::session::failure;
use crate::railway::Deadline;

/// How often all tables are tried: more often than there are tables that are written to all the time.
const ATTEMPTS: u32 = 32;

/// How long the tables that were not free before are waited for while others are held, together: longer than writes take that
/// wait for nobody, and shorter than the second after which a server takes a wait for a deadlock and ends somebody's.
const KNOWN: u64 = 400;

/// How long each of the others is, in milliseconds.
const OTHERS: u64 = 5;

/// Every ordinary table of schemas, and that of the canaries, which are there to wait as writers do; a schema without any has
/// one row without a table.
const TABLES: &str = "\
    SELECT n.nspname::text, CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, c.relname) END \
    FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c \
      ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
    WHERE n.nspname::text = ANY($1) OR (n.nspname = 'lockstep' AND c.relname = 'canary' \
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
      AND pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')) ORDER BY c.oid";

/// Ends what autovacuum does in this database: the server itself does so for whoever waits a second for it. What must not be
/// put off, and what this user may not end, goes on.
const CLEAR: &str = "\
    SELECT pg_catalog.pg_cancel_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
    WHERE a.backend_type = 'autovacuum worker' AND a.datname = pg_catalog.current_database() \
      AND a.query LIKE 'autovacuum:%' AND a.query NOT LIKE '%(to prevent wraparound)' \
      AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)";

/// Writes are not blocked.
pub(super) enum Unlocked {
    /// Surely.
    Surely(Failure),
    /// As far as can be told.
    Perhaps(Failure),
}

/// Why an attempt locked nothing.
enum Missed {
    /// This table was not free.
    Busy(usize, Error),
    Failed(Unlocked),
}

/// Locks the tables, and returns how many. The server ends the session when what is `left` is over, counted from the
/// beginning of its transaction, by its own clock.
pub(super) async fn lock(
    client: &Client,
    block: &Block<'_>,
    left: impl Fn() -> Millis,
    deadline: Deadline<'_>,
) -> Result<usize, Unlocked> {
    let name = block.connection;
    let failed = |error: Error| Unlocked::Surely(failure(name, &error));
    let over = || {
        let text = format!("there is no time left to block writes on connection `{name}`");
        Unlocked::Surely(Failure::permanent("sql:overdue", text))
    };
    let mut awaited: Vec<String> = Vec::new();
    for attempt in 1.. {
        let longest = left();
        if longest.0 == 0 {
            return Err(over());
        }
        begin(client, longest).await.map_err(failed)?;
        let (mut tables, count) = tables(client, block).await.map_err(Unlocked::Surely)?;
        tables.sort_by_key(|table| {
            awaited.iter().rposition(|it| it == table).map_or(usize::MAX, |at| awaited.len() - at)
        });
        if left().0 == 0 {
            return Err(over());
        }
        deadline.check().map_err(Unlocked::Surely)?;
        let (at, error) = match take(client, block, (&tables, awaited.len()), longest).await {
            Ok(()) => return Ok(count),
            Err(Missed::Busy(at, error)) => (at, error),
            Err(Missed::Failed(unlocked)) => return Err(unlocked),
        };
        // Who holds the first table does not wait for anything that is held here: it takes its time.
        let Some(busy) = tables.get(at).filter(|_| at > 0 && attempt < ATTEMPTS) else {
            return Err(failed(error));
        };
        tracing::debug!(table = %busy, attempt, "a table was not free, so all were let go");
        awaited.retain(|it| it != busy);
        awaited.push(busy.clone());
        client.batch_execute("ROLLBACK").await.map_err(failed)?;
    }
    Err(over())
}

/// Begins a transaction that the server ends after so long, together with its session.
async fn begin(client: &Client, longest: Millis) -> Result<(), Error> {
    let longest = longest.0;
    let begin = format!(
        "SET idle_in_transaction_session_timeout = {longest}; SET statement_timeout = {longest}; \
         SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; \
         BEGIN ISOLATION LEVEL READ COMMITTED; {CLEAR}"
    );
    client.batch_execute(&begin).await
}

/// Locks the tables in this order, of which so many were not free before.
async fn take(
    client: &Client,
    block: &Block<'_>,
    (tables, awaited): (&[String], usize),
    longest: Millis,
) -> Result<(), Missed> {
    let name = block.connection;
    let perhaps = |failure| Missed::Failed(Unlocked::Perhaps(failure));
    // The server gives up by itself; only one that can't be reached any more does not answer.
    let statements = locks(block, (tables, awaited), longest);
    match timeout(longest.duration() + PATIENCE, run(client, &statements)).await {
        Ok((_, Ok(()))) => Ok(()),
        Ok((done, Err(error))) => match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                // Each table has a statement that says how long it is waited for.
                Err(Missed::Busy(done / 2, error))
            }
            Some(_) => Err(Missed::Failed(Unlocked::Surely(failure(name, &error)))),
            None => Err(perhaps(failure(name, &error))),
        },
        Err(elapsed) => Err(perhaps(Failure::transient(
            "sql:timeout",
            format!("connection `{name}` did not answer whether writes are blocked: {elapsed}"),
        ))),
    }
}

/// Returns the statements that lock these tables, two for each, and that leave the session what is then left of its time.
///
/// Whatever becomes of the host meanwhile, they end: each has its time, and all after the first have little together.
fn locks(block: &Block<'_>, (tables, awaited): (&[String], usize), longest: Millis) -> String {
    let first = block.lock_timeout.min(longest).0;
    let known = KNOWN / u64::try_from(awaited).unwrap_or(u64::MAX).max(1);
    let locks = tables.iter().enumerate().map(|(at, table)| {
        let wait = match at {
            0 => first,
            at if at < awaited => known.clamp(OTHERS, first.max(OTHERS)),
            _ => OTHERS,
        };
        format!("SET lock_timeout = {wait}; LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE; ")
    });
    let longest = longest.0;
    locks.collect::<String>()
        + &format!(
            "SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', GREATEST(1, {longest} - pg_catalog.floor(1000 * \
             EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - pg_catalog.now())))::bigint::text, false)"
        )
}

/// Runs statements, and returns how many of them were done before one failed, if one did.
async fn run(client: &Client, statements: &str) -> (usize, Result<(), Error>) {
    let mut done = 0;
    let answers = match client.simple_query_raw(statements).await {
        Ok(answers) => answers,
        Err(error) => return (done, Err(error)),
    };
    let mut answers = pin!(answers);
    loop {
        match answers.try_next().await {
            Ok(Some(SimpleQueryMessage::CommandComplete(_))) => done += 1,
            Ok(Some(_)) => {}
            Ok(None) => return (done, Ok(())),
            Err(error) => return (done, Err(error)),
        }
    }
}

/// Returns the tables to lock as they stand now, each with its schema, quoted; and how many of them are the plan's.
async fn tables(client: &Client, block: &Block<'_>) -> Result<(Vec<String>, usize), Failure> {
    let name = block.connection;
    let failed = |error: Error| failure(name, &error);
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
