//! One comparison from its beginning to its end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use futures_util::future;
use lockstep_engine::model::{Fact, Failure, Scope, Value};
use tokio_postgres::{Client, Error};

use super::job::{Reached, Wanted};
use super::stretch::{Pair, Side};
use super::table::{Range, Table, tables};
use crate::sql::job::{Ended, locked};
use crate::sql::session::{Databases, Session, failure};
use crate::sql::snapshots::Names;

/// How many stretches are compared at the same time.
const AT_ONCE: usize = 4;

/// How many things that differ are named.
const NAMED: usize = 8;

/// How the sessions of comparisons call themselves.
const CALLED: &str = "lockstep:compare";

/// What would print equal rows differently.
const SETTINGS: &str = "\
    SET search_path = pg_catalog; SET statement_timeout = '2h'; SET lock_timeout = '10s'; SET row_security = off; \
    SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET extra_float_digits = 1; \
    SET bytea_output = 'hex'; SET xmlbinary = 'base64'; SET lc_monetary = 'C'; SET default_transaction_read_only = on; \
    SET idle_in_transaction_session_timeout = 0";

/// Everything by which the order of texts is decided.
const COLLATION: &str = "\
    SELECT pg_catalog.concat_ws(' ', d.datcollate, d.datctype, coalesce(pg_catalog.to_jsonb(d)->>'datlocprovider', 'c'), pg_catalog.current_setting('server_encoding')) \
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

const SEQUENCES: &str = "\
    SELECT pg_catalog.format('%I.%I', schemaname, sequencename), increment_by, coalesce(last_value, start_value - increment_by) \
    FROM pg_catalog.pg_sequences WHERE schemaname <> 'lockstep'";

/// Two sessions.
struct Sessions {
    left: Session,
    right: Session,
}

struct Run<'a> {
    databases: &'a Databases,
    wanted: &'a Wanted,
    reached: &'a Mutex<Reached>,
    /// The snapshots that it is done at, if there are any.
    snapshots: Option<Names>,
}

/// Compares, and returns how much was compared.
pub(super) async fn run(
    databases: &Databases,
    wanted: &Wanted,
    reached: &Mutex<Reached>,
) -> Result<Vec<Fact>, Ended> {
    let held = databases.snapshots.lock().await;
    let snapshots = wanted.at.as_ref().and_then(|at| held.get(at)).map(|held| held.names.clone());
    drop(held);
    let run = Run { databases, wanted, reached, snapshots };
    let mut facts = Vec::new();
    if matches!(wanted.scope, Scope::Schema | Scope::Everything) {
        facts.push(fact("objects", run.schema().await?));
    }
    if matches!(wanted.scope, Scope::Rows | Scope::Everything) {
        facts.push(fact("tables", run.rows().await?));
        let reached = locked(reached);
        facts.extend([fact("rows", reached.rows), fact("moving", reached.moving)]);
    }
    if wanted.scope == Scope::Everything {
        facts.push(fact("sequences", run.sequences().await?));
    }
    if let Some(at) = &wanted.at {
        databases.snapshots.lock().await.remove(at);
    }
    Ok(facts)
}

fn fact(name: &str, count: u64) -> Fact {
    Fact::one(name, Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
}

impl Run<'_> {
    async fn schema(&self) -> Result<u64, Ended> {
        let (left, right) = (&self.wanted.left, &self.wanted.right);
        let majors = future::try_join(self.databases.major(left), self.databases.major(right));
        let (from, to) = majors.await.map_err(Ended::Failed)?;
        let objects = future::try_join(
            self.databases.comparable_schema(left, from == to),
            self.databases.comparable_schema(right, from == to),
        );
        let (left, right) = objects.await.map_err(Ended::Failed)?;
        let count = left.len() as u64;
        differing("the schema differs", &left, &right).map_or(Ok(count), Err)
    }

    async fn sequences(&self) -> Result<u64, Ended> {
        let sessions = self.open().await?;
        let stands = future::try_join(
            async { stands(&sessions.left.client).await.map_err(Side::Left) },
            async { stands(&sessions.right.client).await.map_err(Side::Right) },
        );
        let (left, right) = stands.await.map_err(|error| self.failed(error))?;
        let behind = |(name, (step, value)): &(&String, &(i64, i64))| {
            let other = right.get(*name).map(|(_, other)| *other);
            !other.is_some_and(|other| if *step > 0 { other >= *value } else { other <= *value })
        };
        let names: Vec<&str> =
            left.iter().filter(behind).map(|(name, _)| name.as_str()).take(NAMED).collect();
        if names.is_empty() {
            return Ok(left.len() as u64);
        }
        Err(Ended::Differs(format!("sequences are behind at the right: {}", names.join(", "))))
    }

    async fn rows(&self) -> Result<u64, Ended> {
        let sessions = self.open().await?;
        let both = future::try_join(
            async { found(&sessions.left.client).await.map_err(Side::Left) },
            async { found(&sessions.right.client).await.map_err(Side::Right) },
        );
        let ((mut left, collation), (mut right, other)) =
            both.await.map_err(|error| self.failed(error))?;
        for table in &self.wanted.except {
            left.remove(table);
            right.remove(table);
        }
        let names = |tables: &BTreeMap<String, Table>| {
            tables.keys().map(|name| (name.clone(), String::new())).collect::<BTreeMap<_, _>>()
        };
        if let Some(differs) = differing("the tables differ", &names(&left), &names(&right)) {
            return Err(differs);
        }
        for (table, other) in left.values_mut().zip(right.values()) {
            table.hashes_rows &= other.hashes_rows;
        }
        locked(self.reached).of_rows = left.values().map(|table| table.rows).sum();
        let workers = future::try_join_all((0..AT_ONCE).map(|_| self.open())).await?;
        let tables = Mutex::new(largest_last(&left));
        let stretches = Mutex::new(VecDeque::new());
        let cuts = workers.iter().map(|sessions| async {
            while let Some((name, table)) = take(&tables, Vec::pop) {
                let cut = table.has_key() && (!table.collates || collation == other);
                let ranges =
                    if cut { self.cut(sessions, table).await? } else { vec![Range::default()] };
                locked(&stretches).extend(ranges.into_iter().map(|range| (name, table, range)));
            }
            Ok(())
        });
        future::try_join_all(cuts).await?;
        let wrong = Mutex::new(BTreeMap::new());
        let compared = workers.iter().map(|sessions| self.work(sessions, &stretches, &wrong));
        future::try_join_all(compared).await?;
        let wrong = wrong.into_inner().unwrap_or_default();
        if wrong.is_empty() {
            return Ok(left.len() as u64);
        }
        let words = wrong.iter().take(NAMED).map(|(name, rows)| format!("{name} ({rows} rows)"));
        let words: Vec<String> = words.collect();
        Err(Ended::Differs(format!("{} tables differ: {}", wrong.len(), words.join(", "))))
    }

    /// Compares one stretch after the other until none is left.
    async fn work<'t>(
        &self,
        sessions: &Sessions,
        stretches: &Mutex<VecDeque<(&'t str, &'t Table, Range)>>,
        wrong: &Mutex<BTreeMap<&'t str, u64>>,
    ) -> Result<(), Ended> {
        let (left, right) = (&sessions.left.client, &sessions.right.client);
        let seen = self.wanted.seen.as_ref().filter(|_| self.snapshots.is_none());
        let pair = Pair { left, right, still: self.snapshots.is_some(), seen };
        while let Some((name, table, range)) = take(stretches, VecDeque::pop_front) {
            let came = pair.compare(table, &range).await.map_err(|error| self.failed(error))?;
            let mut reached = locked(self.reached);
            reached.rows += came.rows;
            reached.moving += came.moving;
            if came.differ > 0 {
                *locked(wrong).entry(name).or_default() += came.differ;
            }
        }
        Ok(())
    }

    /// Cuts a table into stretches by the keys that the left has now.
    async fn cut(&self, sessions: &Sessions, table: &Table) -> Result<Vec<Range>, Ended> {
        let rows = sessions.left.client.query(&table.stretches(), &[]).await;
        let rows = rows.map_err(|error| self.failed(Side::Left(error)))?;
        let mut ranges = Vec::with_capacity(rows.len() + 1);
        let mut after: Option<Vec<String>> = None;
        for row in rows {
            let key: Vec<String> =
                row.try_get(0).map_err(|error| self.failed(Side::Left(error)))?;
            ranges.push(Range { after: after.replace(key.clone()), up_to: Some(key) });
        }
        ranges.push(Range { after, up_to: None });
        Ok(ranges)
    }

    async fn open(&self) -> Result<Sessions, Ended> {
        let snapshots = self.snapshots.as_ref();
        let (left, right) = future::try_join(
            self.session(&self.wanted.left, snapshots.map(|names| names.left.as_str())),
            self.session(&self.wanted.right, snapshots.map(|names| names.right.as_str())),
        )
        .await
        .map_err(Ended::Failed)?;
        Ok(Sessions { left, right })
    }

    async fn session(&self, name: &str, snapshot: Option<&str>) -> Result<Session, Failure> {
        let session = self.databases.open(name, CALLED).await?;
        let mut settings = SETTINGS.to_owned();
        if let Some(snapshot) = snapshot {
            settings.push_str(
                "; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '",
            );
            // The server's own name for it: digits, letters and hyphens.
            settings.extend(snapshot.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-'));
            settings.push('\'');
        }
        let set = session.client.batch_execute(&settings).await;
        set.map_err(|error| self.databases.redactor.failure(failure(name, &error)))?;
        Ok(session)
    }

    fn failed(&self, side: Side) -> Ended {
        let failure = match side {
            Side::Left(error) => failure(&self.wanted.left, &error),
            Side::Right(error) => failure(&self.wanted.right, &error),
        };
        Ended::Failed(self.databases.redactor.failure(failure))
    }
}

/// Returns the tables in the order in which they are cut from the end: what takes longest had better begin first.
fn largest_last(tables: &BTreeMap<String, Table>) -> Vec<(&str, &Table)> {
    let mut all: Vec<_> = tables.iter().map(|(name, table)| (name.as_str(), table)).collect();
    all.sort_by_key(|(_, table)| table.rows);
    all
}

/// Takes one of what several workers share.
fn take<T, Q>(queue: &Mutex<Q>, next: impl FnOnce(&mut Q) -> Option<T>) -> Option<T> {
    next(&mut locked(queue))
}

async fn found(client: &Client) -> Result<(BTreeMap<String, Table>, String), Error> {
    let collation = client.query_one(COLLATION, &[]).await?.try_get(0)?;
    Ok((tables(client).await?, collation))
}

async fn stands(client: &Client) -> Result<BTreeMap<String, (i64, i64)>, Error> {
    let rows = client.query(SEQUENCES, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}

/// Returns in words which names are not on both sides, or not with the same value.
fn differing(
    what: &str,
    left: &BTreeMap<String, String>,
    right: &BTreeMap<String, String>,
) -> Option<Ended> {
    let of_left = left.iter().filter(|(name, value)| right.get(*name) != Some(value));
    let of_left = of_left.map(|(name, _)| {
        let how = if right.contains_key(name) { "differs" } else { "is missing at the right" };
        format!("{name} {how}")
    });
    let only_right = right.keys().filter(|name| !left.contains_key(*name));
    let words: Vec<String> =
        of_left.chain(only_right.map(|name| format!("{name} is only at the right"))).collect();
    if words.is_empty() {
        return None;
    }
    let named = words.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    Some(Ended::Differs(format!("{what} in {} places: {named}", words.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_by_name_and_side() {
        let of = |all: &[(&str, &str)]| {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let left: BTreeMap<_, _> = of(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let right = of(&[("a", "1"), ("b", "2"), ("d", "1")]);
        let Some(Ended::Differs(why)) = differing("x", &left, &right) else { panic!() };
        assert_eq!(
            why,
            "x in 3 places: b differs, c is missing at the right, d is only at the right"
        );
        assert!(differing("x", &left, &left).is_none());
    }
}
