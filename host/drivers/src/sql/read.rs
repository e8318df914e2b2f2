//! Running a read: one transaction that can't write, under a role that may only read, bounded in time, rows and bytes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use lockstep_engine::model::{Failure, Rows, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::admit::{ReadStatement, admit};
use super::catalogue;
use super::session::{Databases, Session, failure};
use super::value::{Parameter, value};

/// The most rows of one answer.
const MOST_ROWS: usize = 10_000;

/// The most bytes of one answer.
const MOST_BYTES: usize = 8 << 20;

/// How long a whole read may take; the server's own limit is below it.
const LONGEST: Duration = Duration::from_secs(40);

/// What makes a transaction one that reads. Everything is set by name, because a database may have defaults of its own.
const BEGIN: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
    SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '60s'; \
    SET LOCAL row_security = off; SET LOCAL search_path = pg_catalog, public; SET LOCAL standard_conforming_strings = on; \
    SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601'; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1;";

/// Roles that may read and not write, best first. To the first one the views of statistics hide other people's sessions.
const ROLES: [&str; 2] = ["pg_read_all_data", "pg_monitor"];

/// The same for what only reads the system's own relations.
const ROLES_FOR_THE_SYSTEM: [&str; 2] = ["pg_monitor", "pg_read_all_data"];

impl Databases {
    /// Runs one `SELECT` or `SHOW`.
    pub(crate) async fn query(
        &self,
        name: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        let statement = admit(statement)?;
        let parameters: Vec<Parameter> =
            parameters.iter().map(Parameter::of).collect::<Result<_, _>>()?;
        let session = self.reading(name).await?;
        let open = session.lock().await;
        let answered = timeout(LONGEST, run(&open.client, name, &statement, &parameters)).await;
        let result = answered.unwrap_or_else(|_| {
            Err(Failure::transient(
                "sql:timeout",
                format!("connection `{name}` did not answer within {} s", LONGEST.as_secs()),
            ))
        });
        // Only a session that is known to be outside a transaction is used again.
        let clean = !open.client.is_closed()
            && timeout(LONGEST, open.client.batch_execute("ROLLBACK"))
                .await
                .is_ok_and(|done| done.is_ok());
        drop(open);
        if !clean {
            self.reads.lock().await.remove(name);
        }
        result.map_err(|failure| self.redactor.failure(failure))
    }

    /// Reads one truth value, as a proof asks for it.
    pub(super) async fn truth(&self, name: &str, proof: &str) -> Result<bool, Failure> {
        let rows = self.query(name, proof, &[]).await?;
        match rows.rows.as_slice() {
            [row] if matches!(row.as_slice(), [Value::Boolean(_)]) => {
                Ok(row == &[Value::Boolean(true)])
            }
            _ => Err(Failure::permanent(
                "sql:proof",
                "the proof did not answer with one truth value",
            )),
        }
    }

    async fn reading(&self, name: &str) -> Result<Arc<Mutex<Session>>, Failure> {
        let mut reads = self.reads.lock().await;
        if let Some(session) = reads.get(name) {
            if !session.lock().await.client.is_closed() {
                return Ok(session.clone());
            }
            reads.remove(name);
        }
        let session = Arc::new(Mutex::new(self.open(name, "lockstep:read").await?));
        reads.insert(name.to_owned(), session.clone());
        Ok(session)
    }
}

async fn run(
    client: &Client,
    name: &str,
    statement: &ReadStatement,
    parameters: &[Parameter],
) -> Result<Rows, Failure> {
    begin(client, name, &ROLES).await?;
    let failed = |error: Error| failure(name, &error);
    // The read connection is kept, and what it leads to may have been demoted since it was opened.
    let recovering: bool = client
        .query_one("SELECT pg_catalog.pg_is_in_recovery()", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(failed)?;
    if recovering {
        return Err(Failure::transient(
            "sql:standby",
            format!("connection `{name}` leads to a standby"),
        ));
    }
    if catalogue::check(client, name, statement).await? {
        client.batch_execute("ROLLBACK").await.map_err(failed)?;
        begin(client, name, &ROLES_FOR_THE_SYSTEM).await?;
    }
    if statement.show {
        return show(client, name, statement).await;
    }
    let prepared = client.prepare(&statement.text).await.map_err(failed)?;
    let columns: Vec<(String, Type)> = prepared
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), column.type_().clone()))
        .collect();
    if columns.is_empty() {
        return Err(Failure::permanent("sql:columns", "the query has no columns"));
    }
    // Text is the one form that every type has.
    let text = in_text(&statement.text, columns.len());
    let stream = client.query_raw(&text, parameters).await.map_err(failed)?;
    let mut stream = std::pin::pin!(stream);
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        let mut values = Vec::with_capacity(columns.len());
        for (index, (_, kind)) in columns.iter().enumerate() {
            let text: Option<String> = row.try_get(index).map_err(failed)?;
            bytes += text.as_ref().map_or(1, String::len);
            values.push(value(kind, text));
        }
        rows.push(values);
        if rows.len() > MOST_ROWS || bytes > MOST_BYTES {
            let text = format!(
                "the answer has more than {MOST_ROWS} rows or {MOST_BYTES} bytes: page by key"
            );
            return Err(Failure::permanent("sql:too-large", text));
        }
    }
    Ok(Rows { columns: columns.into_iter().map(|(name, _)| name).collect(), rows })
}

/// Runs a `SHOW`, which answers in text. `PgPool` knows its own ones only where they come as plain text, and plain text could be
/// several statements, so only words are let through.
async fn show(client: &Client, name: &str, statement: &ReadStatement) -> Result<Rows, Failure> {
    let of_words = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ' ');
    if !statement.text.chars().all(of_words) {
        return Err(Failure::denied("sql:show", "a `SHOW` names one setting in plain words"));
    }
    let messages = client.simple_query(&statement.text).await;
    let messages = messages.map_err(|error| failure(name, &error))?;
    let mut answer = Rows { columns: Vec::new(), rows: Vec::new() };
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            answer.columns = row.columns().iter().map(|it| it.name().to_owned()).collect();
            let text =
                |index| row.get(index).map_or(Value::Null, |text| Value::Text(text.to_owned()));
            answer.rows.push((0..row.len()).map(text).collect());
        }
    }
    Ok(answer)
}

/// Begins the transaction under the first of these roles that the server lets this user take.
async fn begin(client: &Client, name: &str, roles: &[&str]) -> Result<(), Failure> {
    let mut refused = None;
    for role in roles {
        client.batch_execute(BEGIN).await.map_err(|error| failure(name, &error))?;
        match client.batch_execute(&format!("SET LOCAL ROLE {role}")).await {
            Ok(()) => return Ok(()),
            Err(error) if error.as_db_error().is_some() => refused = Some(error),
            Err(error) => return Err(failure(name, &error)),
        }
        client.batch_execute("ROLLBACK").await.map_err(|error| failure(name, &error))?;
    }
    let why = refused.map(|error| failure(name, &error).to_string()).unwrap_or_default();
    Err(Failure::permanent(
        "sql:no-role",
        format!("connection `{name}` may take no role that only reads: {why}"),
    ))
}

fn in_text(statement: &str, columns: usize) -> String {
    let list =
        |form: &dyn Fn(usize) -> String| (0..columns).map(form).collect::<Vec<_>>().join(", ");
    let (texts, names) =
        (list(&|index| format!("c{index}::text")), list(&|index| format!("c{index}")));
    format!("SELECT {texts} FROM ({statement}) AS lockstep({names})")
}
