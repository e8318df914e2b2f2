//! Building indexes in several sessions at once: it is most of the work that is left when the rows are there.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::try_join_all;
use lockstep_engine::model::{self, Fact, Failure, Transfer, Value};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::effect::called;
use super::fence::terminate;
use super::index_queue::{Build, Other, Queue};
use super::job::{Ended, Job, locked};
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

/// Of these tables the one that had best come next, and how its copy by a subscription stands: 0 ended or none, 1 going on, 2 not
/// begun; and whether any copy goes on. Nobody waits for a lock behind a copy: the worker that follows would wait behind both, and
/// with it every table that is not copied yet.
const NEXT: &str = "\
    WITH copied AS (SELECT r.srrelid, CASE WHEN r.srsubstate NOT IN ('i', 'd') THEN 0 WHEN r.srsubstate = 'd' AND EXISTS ( \
        SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.granted AND l.relation = r.srrelid \
          AND l.mode = 'RowExclusiveLock' AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d \
            WHERE d.datname = pg_catalog.current_database())) THEN 1 ELSE 2 END AS stands FROM pg_catalog.pg_subscription_rel r) \
    SELECT t.name, coalesce(c.stands, 0), EXISTS (SELECT FROM copied WHERE stands = 1) \
    FROM unnest($1::text[]) WITH ORDINALITY AS t(name, place) LEFT JOIN copied c ON c.srrelid = t.name::regclass \
    ORDER BY 2, t.place LIMIT 1";

/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long no copy may go on before nothing is waited for any more. A key that comes before its rows costs time, nothing else.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// How many are to be built, of those that are not built only because there is time.
    of: usize,
    /// How many of those others are built.
    besides: usize,
    /// The table whose rows are waited for, if any are.
    awaited: Option<String>,
}

impl Reached {
    const fn all_built(&self) -> usize {
        self.built + self.besides
    }

    fn note(&self) -> String {
        let awaited = match &self.awaited {
            None => String::new(),
            Some(table) => format!("; waits for the rows of {table}"),
        };
        let besides = match self.besides {
            0 => String::new(),
            besides => format!(", and meanwhile {besides} more"),
        };
        format!("built {} of {} indexes{besides}{awaited}", self.built, self.of)
    }
}

struct Run<'a> {
    databases: &'a Databases,
    /// How its sessions call themselves.
    called: &'a str,
    target: &'a str,
    settings: &'a str,
    queue: Mutex<Queue>,
    reached: &'a Mutex<Reached>,
}

/// Begins to build what is missing.
pub(super) fn begin(databases: &Arc<Databases>, order: &Order<'_>, transfer: &Transfer) -> Job {
    let reached = Arc::new(Mutex::new(Reached::default()));
    let (databases, shared) = (databases.clone(), reached.clone());
    let (called, transfer) = (called(order), transfer.clone());
    let name = called.clone();
    let [_, target] = transfer.connections();
    let target = target.to_owned();
    let job = Job::begin(move || locked(&reached).note(), async move {
        let Transfer::BuildIndexes { source, target, which } = &transfer else {
            let failure = Failure::permanent("sql:kind", "this builds no indexes");
            return Err(Ended::Failed(failure));
        };
        let built = databases.build_indexes(&called, (source, target), *which, &shared).await;
        built.map_err(|failure| Ended::Failed(databases.redactor.failure(failure)))
    });
    job.changing(&target, &session::called(&name))
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
        let queue = Queue::new(which, builds.each);
        locked(reached).of = queue.wanted();
        let settings = &builds.settings;
        let run = Run { databases: self, called, target, settings, queue: queue.into(), reached };
        let sessions = (0..AT_ONCE.min(all)).map(|_| run.session());
        if let Err(failure) = try_join_all(sessions).await {
            // What the others had begun would be in the next attempt's way, which ends it too.
            let ended = terminate(&session.client, target, &session::called(called)).await;
            if let Err(also) = ended {
                tracing::warn!(%also, "could not end the other builds");
            }
            return Err(failure);
        }
        let built = locked(reached).all_built();
        let built = Value::Integer(i64::try_from(built).unwrap_or(i64::MAX));
        Ok(vec![Fact::one("indexes", built)])
    }
}

impl Run<'_> {
    /// Builds one after the other: whoever waits for a lock holds none that others wait for.
    async fn session(&self) -> Result<(), Failure> {
        let session = self.databases.open(self.target, self.called).await?;
        let failed = |error: tokio_postgres::Error| failure(self.target, &error);
        session.client.batch_execute(self.settings).await.map_err(failed)?;
        session.client.batch_execute(PREPARE).await.map_err(failed)?;
        while let Some(build) = self.next(&session.client).await.map_err(failed)? {
            session.client.batch_execute(&build.script).await.map_err(failed)?;
            let is_wanted = locked(&self.queue).built(&build);
            let mut reached = locked(self.reached);
            *(if is_wanted { &mut reached.built } else { &mut reached.besides }) += 1;
        }
        Ok(())
    }

    /// Takes what had best be built next: a key whose table's copy has ended, otherwise what can be built until then.
    async fn next(&self, client: &Client) -> Result<Option<Build>, tokio_postgres::Error> {
        let mut idle = Instant::now();
        loop {
            let tables = locked(&self.queue).without_keys();
            if !tables.is_empty() {
                let row = client.query_one(NEXT, &[&tables]).await?;
                let (table, stands, any): (String, i32, bool) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                if any {
                    idle = Instant::now();
                }
                locked(self.reached).awaited = (stands > 0).then(|| table.clone());
                if stands == 0 || idle.elapsed() > PATIENCE {
                    match locked(&self.queue).key_of(&table) {
                        // Another session has taken it.
                        None => continue,
                        key => return Ok(key),
                    }
                }
            }
            match locked(&self.queue).other() {
                Other::Build(build) => return Ok(Some(build)),
                Other::Wait => {}
                Other::Nothing => return Ok(None),
            }
            sleep(LOOK).await;
        }
    }
}

/// Puts the largest first: what takes longest had better begin first.
pub(super) fn by_size<T>(builds: &mut [(i64, T)]) {
    builds.sort_by_key(|(bytes, _)| Reverse(*bytes));
}
