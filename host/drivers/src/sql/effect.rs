//! Statements that change something.

use std::time::Duration;

use lockstep_engine::journal::{Intent, Sent, Standing};
use lockstep_engine::model::{Affects, Atomicity, Fact, Failure, Value};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::proof::{Server, XID, identify};
use super::session::{Databases, Session, failure};
use super::value::{Parameter, value};
use crate::order::Order;
use crate::railway::Deadline;

/// How long one statement may take. Longer work is a job of its own.
const LONGEST: Duration = Duration::from_mins(10);

/// The most rows that a statement's answer leaves in the journal.
const MOST_RECORDED: usize = 64;

/// Words that would take the transaction out of our hands.
const OF_TRANSACTIONS: [&str; 10] = [
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "PREPARE",
    "COPY",
];

/// One statement, put together.
pub(crate) struct Composed {
    pub(crate) text: String,
    pub(crate) parameters: Vec<Value>,
    pub(crate) affects: Option<Affects>,
}

/// A transaction that was begun before the intent, so that the intent holds its number.
pub(super) struct Prepared {
    session: Session,
    xid: String,
    /// What is to be sent, where it was put together before.
    pub(super) script: Option<String>,
}

impl Databases {
    /// Begins the transaction and returns its number with the server's identity, so that they are durable with the intent.
    ///
    /// The transaction ends by itself if it is not used within a minute.
    pub(crate) async fn standing(
        &self,
        order: &Order<'_>,
        name: &str,
        atomicity: Atomicity,
    ) -> Result<Standing, Failure> {
        let session = self.open(name, &called(order)).await?;
        let server = identify(&session.client, name)
            .await
            .map_err(|failure| self.redactor.failure(failure))?;
        let mut standing = server.standing();
        if atomicity == Atomicity::Transaction {
            let xid = begin(&session.client, name)
                .await
                .map_err(|failure| self.redactor.failure(failure))?;
            standing.insert(XID.to_owned(), Some(xid.clone()));
            self.prepared
                .lock()
                .await
                .insert(order.marker.to_owned(), Prepared { session, xid, script: None });
        }
        Ok(standing)
    }

    /// Runs the statements.
    pub(crate) async fn execute(
        &self,
        order: &Order<'_>,
        name: &str,
        statements: &[Composed],
        atomicity: Atomicity,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Sent {
        let prepared = self.prepared.lock().await.remove(order.marker);
        let session = match self.session_for(order, name, atomicity, prepared, intent).await {
            Ok(session) => session,
            Err(failure) => return Sent::Refused(failure),
        };
        let ran = match (atomicity, statements) {
            (Atomicity::Transaction, statements) => {
                transaction(&session.client, name, statements, deadline).await
            }
            (Atomicity::Alone, [one]) => alone(&session.client, name, one, deadline).await,
            (Atomicity::Alone, _) => Sent::Refused(Failure::permanent(
                "sql:alone",
                "exactly one statement can stand alone",
            )),
        };
        self.redactor.sent(ran)
    }

    pub(super) async fn session_for(
        &self,
        order: &Order<'_>,
        name: &str,
        atomicity: Atomicity,
        prepared: Option<Prepared>,
        intent: &Intent,
    ) -> Result<Session, Failure> {
        let recorded = intent.before.get(XID).cloned().flatten();
        match (atomicity, prepared) {
            (Atomicity::Transaction, Some(prepared))
                if recorded.as_deref() == Some(prepared.xid.as_str()) =>
            {
                Ok(prepared.session)
            }
            // Without the number in the intent, nobody could tell later what became of the transaction.
            (Atomicity::Transaction, Some(_) | None) => {
                let text = format!(
                    "the transaction that was begun for this effect on connection `{name}` is gone"
                );
                Err(Failure::transient("sql:transaction-gone", text))
            }
            (Atomicity::Alone, _) => {
                let session = self.open(name, &called(order)).await?;
                let server = identify(&session.client, name).await?;
                Server::recorded(&intent.before)
                    .map_or(Ok(()), |recorded| recorded.must_be(&server, name))?;
                Ok(session)
            }
        }
    }
}

/// How the session of an effect calls itself, so that it can be found and ended.
pub(super) fn called(order: &Order<'_>) -> String {
    format!("lockstep:{}", order.marker)
}

async fn begin(client: &Client, name: &str) -> Result<String, Failure> {
    let failed = |error: tokio_postgres::Error| failure(name, &error);
    let limits = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL lock_timeout = '5s'; \
                  SET LOCAL statement_timeout = '10min'; SET LOCAL standard_conforming_strings = on";
    client.batch_execute(limits).await.map_err(failed)?;
    let row = client
        .query_one("SELECT pg_catalog.pg_current_xact_id()::text", &[])
        .await
        .map_err(failed)?;
    row.try_get(0).map_err(failed)
}

/// Runs everything and commits. Whatever ends before the commit is sent surely did nothing.
async fn transaction(
    client: &Client,
    name: &str,
    statements: &[Composed],
    deadline: Deadline<'_>,
) -> Sent {
    if let Err(failure) = deadline.check() {
        return Sent::Refused(failure);
    }
    let mut facts = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        if let Err(failure) = controls_transactions(&statement.text) {
            return Sent::Refused(failure);
        }
        match timeout(LONGEST, run(client, name, statement, index)).await {
            Ok(Ok(given)) => facts.extend(given),
            Ok(Err(failure)) => return Sent::Refused(failure),
            Err(elapsed) => return Sent::Refused(too_slow(name, &elapsed)),
        }
    }
    commit(client, name, facts).await
}

/// Commits a transaction that did what gives `facts`.
pub(super) async fn commit(client: &Client, name: &str, facts: Vec<Fact>) -> Sent {
    // However long the statements took: whoever settles meanwhile finds the transaction in progress by its number, and
    // waits for its end, so the commit can't come after a fate that was told already.
    match timeout(LONGEST, client.batch_execute("COMMIT")).await {
        Ok(Ok(())) => Sent::Done(facts),
        // The server itself says that the commit failed, so the transaction was rolled back.
        Ok(Err(error)) if error.as_db_error().is_some() => Sent::Refused(failure(name, &error)),
        Ok(Err(error)) => Sent::Unknown(failure(name, &error)),
        Err(elapsed) => Sent::Unknown(too_slow(name, &elapsed)),
    }
}

/// Runs one statement that no transaction may contain. The server's error says that it did not happen.
async fn alone(client: &Client, name: &str, statement: &Composed, deadline: Deadline<'_>) -> Sent {
    if statement.affects.is_some() {
        return Sent::Refused(Failure::permanent(
            "sql:affects",
            "the rows of a statement that stands alone can't be bounded",
        ));
    }
    let allowed = controls_transactions(&statement.text).and_then(|()| deadline.check());
    if let Err(failure) = allowed {
        return Sent::Refused(failure);
    }
    match timeout(LONGEST, run_raw(client, statement)).await {
        Ok(Ok((count, rows))) => Sent::Done(facts(0, count, rows)),
        Ok(Err(RunError::Parameter(failure))) => Sent::Refused(failure),
        Ok(Err(RunError::Server(error))) if error.as_db_error().is_some() => {
            Sent::Refused(failure(name, &error))
        }
        Ok(Err(RunError::Server(error))) => Sent::Unknown(failure(name, &error)),
        Err(elapsed) => Sent::Unknown(too_slow(name, &elapsed)),
    }
}

async fn run(
    client: &Client,
    name: &str,
    statement: &Composed,
    index: usize,
) -> Result<Vec<Fact>, Failure> {
    let (count, rows) = run_raw(client, statement).await.map_err(|error| match error {
        RunError::Parameter(failure) => failure,
        RunError::Server(error) => failure(name, &error),
    })?;
    if let Some(bounds) = statement.affects
        && !(bounds.at_least..=bounds.at_most).contains(&count)
    {
        let text = format!(
            "statement {} would have changed {count} rows, and the plan allows {} to {}: nothing was committed",
            index + 1,
            bounds.at_least,
            bounds.at_most
        );
        return Err(Failure::permanent("sql:affects", text));
    }
    Ok(facts(index, count, rows))
}

enum RunError {
    Parameter(Failure),
    Server(tokio_postgres::Error),
}

type Ran = (u64, Vec<Vec<Value>>);

async fn run_raw(client: &Client, statement: &Composed) -> Result<Ran, RunError> {
    let parameters: Vec<Parameter> = statement
        .parameters
        .iter()
        .map(Parameter::of)
        .collect::<Result<_, _>>()
        .map_err(RunError::Parameter)?;
    // One prepared statement can't be several, so nothing in its text can end the transaction unseen.
    let prepared = client.prepare(&statement.text).await.map_err(RunError::Server)?;
    if prepared.columns().is_empty() {
        let count = client.execute_raw(&prepared, &parameters).await.map_err(RunError::Server)?;
        return Ok((count, Vec::new()));
    }
    let refs: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = parameters
        .iter()
        .map(|parameter| parameter as &(dyn tokio_postgres::types::ToSql + Sync))
        .collect();
    let rows = client.query(&prepared, &refs).await.map_err(RunError::Server)?;
    let count = rows.len() as u64;
    let recorded = rows.iter().take(MOST_RECORDED).map(|row| {
        let columns = row.columns().iter().enumerate();
        columns.map(|(index, column)| decoded(row, index, column.type_())).collect()
    });
    Ok((count, recorded.collect()))
}

/// Returns a column of an answer, which comes in binary here: the types that administrative statements answer with.
fn decoded(row: &tokio_postgres::Row, index: usize, kind: &tokio_postgres::types::Type) -> Value {
    let text = |text: Result<Option<String>, tokio_postgres::Error>| {
        text.ok().map(|text| value(kind, text))
    };
    let whole = |number: Result<Option<i64>, tokio_postgres::Error>| {
        number.ok().map(|number| number.map_or(Value::Null, Value::Integer))
    };
    let found = match kind.name() {
        "bool" => row
            .try_get::<_, Option<bool>>(index)
            .ok()
            .map(|truth| truth.map_or(Value::Null, Value::Boolean)),
        "int2" => whole(row.try_get::<_, Option<i16>>(index).map(|number| number.map(i64::from))),
        "int4" => whole(row.try_get::<_, Option<i32>>(index).map(|number| number.map(i64::from))),
        "int8" => whole(row.try_get::<_, Option<i64>>(index)),
        "oid" => whole(row.try_get::<_, Option<u32>>(index).map(|number| number.map(i64::from))),
        "pg_lsn" => text(
            row.try_get::<_, Option<tokio_postgres::types::PgLsn>>(index)
                .map(|lsn| lsn.map(|lsn| lsn.to_string())),
        ),
        _ => text(row.try_get::<_, Option<String>>(index)),
    };
    found.unwrap_or_else(|| Value::Other(kind.name().to_owned(), "(not read)".to_owned()))
}

/// The number of rows of statement `index`, counted from 0, and what it answered.
fn facts(index: usize, count: u64, rows: Vec<Vec<Value>>) -> Vec<Fact> {
    let count = Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let mut facts = vec![Fact::one(&format!("affected-{index}"), count)];
    if !rows.is_empty() {
        facts.push(Fact { name: format!("answer-{index}"), rows });
    }
    facts
}

fn controls_transactions(text: &str) -> Result<(), Failure> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("--") || trimmed.starts_with("/*") {
        return Err(Failure::permanent("sql:comment", "a statement does not begin with a comment"));
    }
    let word: String = trimmed
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_uppercase();
    if OF_TRANSACTIONS.contains(&word.as_str()) {
        return Err(Failure::denied(
            "sql:transaction",
            format!("`{word}` is lockstep's own to send"),
        ));
    }
    Ok(())
}

fn too_slow(name: &str, elapsed: &tokio::time::error::Elapsed) -> Failure {
    Failure::transient(
        "sql:timeout",
        format!("connection `{name}` did not answer within {} s: {elapsed}", LONGEST.as_secs()),
    )
}
