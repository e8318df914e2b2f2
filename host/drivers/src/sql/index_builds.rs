//! Building indexes in several sessions at once: it is most of the work that is left when the rows are there.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use lockstep_engine::model::{self, Fact, Failure, Transfer, Value};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::effect::called;
use super::fence::terminate;
use super::job::{Ended, Job};
use super::session::{self, Databases, failure};
use crate::order::Order;

/// How many sessions build at once, as many as `pgcopydb` takes by itself.
const AT_ONCE: usize = 4;

/// Memory for each of them, enough for two more workers to sort beside it; more where the server is set so. A server that finds
/// that nobody listens any more stops building. And no commit waits for another node: what is not there after all is made later.
const PREPARE: &str = "\
    SELECT pg_catalog.set_config('maintenance_work_mem', '128MB', false) \
      WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) < 134217728; \
    SELECT pg_catalog.set_config(name, '1s', false) FROM pg_catalog.pg_settings \
      WHERE name = 'client_connection_check_interval'; \
    SET synchronous_commit = off";

/// Whether a table is followed by no subscription that has not begun to copy it, and whether any table is being copied. Who copies
/// holds a lock, so a key waits behind it for the rows.
const BEGUN: &str = "\
    SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_subscription_rel r WHERE r.srrelid = ($1::text)::regclass AND (r.srsubstate = 'i' \
        OR r.srsubstate = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.granted \
          AND l.relation = r.srrelid AND l.mode = 'RowExclusiveLock' AND l.database = (SELECT d.oid \
            FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())))), \
      EXISTS (SELECT FROM pg_catalog.pg_subscription_rel r WHERE r.srsubstate = 'd')";

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long no table may be copied before nothing is waited for any more. A key that comes before its rows costs time, nothing else.
const PATIENCE: Duration = Duration::from_secs(30);

/// An index to be built.
pub(super) struct Build {
    /// Its table as SQL.
    pub(super) table: String,
    /// What is sent.
    pub(super) script: String,
}

/// Indexes to be built, the largest first.
pub(super) struct Builds {
    /// What each session is told before.
    pub(super) settings: String,
    pub(super) each: Vec<Build>,
}

/// How far it is.
#[derive(Debug, Default)]
struct Reached {
    built: usize,
    of: usize,
    /// Tables whose rows are waited for.
    awaited: Vec<String>,
}

impl Reached {
    fn note(&self) -> String {
        let awaited = match self.awaited.as_slice() {
            [] => String::new(),
            tables => format!("; the copy of {} has not begun", tables.join(", ")),
        };
        format!("built {} of {} indexes{awaited}", self.built, self.of)
    }
}

struct Run<'a> {
    databases: &'a Databases,
    /// How its sessions call themselves.
    called: &'a str,
    target: &'a str,
    which: model::Indexes,
    settings: &'a str,
    left: Mutex<VecDeque<Build>>,
    reached: &'a Mutex<Reached>,
}

/// Begins to build what is missing.
pub(super) fn begin(databases: &Arc<Databases>, order: &Order<'_>, transfer: &Transfer) -> Job {
    let reached = Arc::new(Mutex::new(Reached::default()));
    let (databases, shared) = (databases.clone(), reached.clone());
    let (called, transfer) = (called(order), transfer.clone());
    Job::begin(move || lock(&reached).note(), async move {
        let Transfer::BuildIndexes { source, target, which } = &transfer else {
            let failure = Failure::permanent("sql:kind", "this builds no indexes");
            return Err(Ended::Failed(failure));
        };
        let built = databases.build_indexes(&called, (source, target), *which, &shared).await;
        built.map_err(|failure| Ended::Failed(databases.redactor.failure(failure)))
    })
}

impl Databases {
    async fn build_indexes(
        &self,
        called: &str,
        (source, target): (&str, &str),
        which: model::Indexes,
        reached: &Mutex<Reached>,
    ) -> Result<Vec<Fact>, Failure> {
        // One whose connection broke may go on building, and be in the next one's way.
        let session = self.open(target, "lockstep:copy-schema").await?;
        terminate(&session.client, target, &session::called(called)).await?;
        let builds = self.index_scripts(source, target, which).await?;
        let all = builds.each.len();
        lock(reached).of = all;
        let run = Run {
            databases: self,
            called,
            target,
            which,
            settings: &builds.settings,
            left: Mutex::new(builds.each.into()),
            reached,
        };
        let sessions = (0..AT_ONCE.min(all)).map(|_| run.session());
        join_all(sessions).await.into_iter().collect::<Result<(), _>>()?;
        let all = Value::Integer(i64::try_from(all).unwrap_or(i64::MAX));
        Ok(vec![Fact::one("indexes", all)])
    }
}

impl Run<'_> {
    /// Builds one after the other: whoever waits for a lock holds none that others wait for.
    async fn session(&self) -> Result<(), Failure> {
        let session = self.databases.open(self.target, self.called).await?;
        let failed = |error: tokio_postgres::Error| failure(self.target, &error);
        session.client.batch_execute(self.settings).await.map_err(failed)?;
        session.client.batch_execute(PREPARE).await.map_err(failed)?;
        loop {
            let next = lock(&self.left).pop_front();
            let Some(build) = next else { return Ok(()) };
            if self.which == model::Indexes::Keys {
                lock(self.reached).awaited.push(build.table.clone());
                let begun = begun(&session.client, &build.table).await;
                lock(self.reached).awaited.retain(|table| *table != build.table);
                begun.map_err(failed)?;
            }
            session.client.batch_execute(&build.script).await.map_err(failed)?;
            lock(self.reached).built += 1;
        }
    }
}

/// Waits until a table's rows are being copied, if they are to be.
async fn begun(client: &Client, table: &str) -> Result<(), tokio_postgres::Error> {
    let mut idle = Instant::now();
    loop {
        let row = client.query_one(BEGUN, &[&table]).await?;
        if row.try_get(0)? || idle.elapsed() > PATIENCE {
            return Ok(());
        }
        if row.try_get(1)? {
            idle = Instant::now();
        }
        sleep(LOOK).await;
    }
}

/// Puts the largest first: what takes longest had better begin first.
pub(super) fn by_size<T>(builds: &mut [(i64, T)]) {
    builds.sort_by_key(|(bytes, _)| Reverse(*bytes));
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
