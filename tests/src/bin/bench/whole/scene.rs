//! A database to move: a gigabyte in the tables of real versions, with a cluster beside it.

use lockstep_tests::writers::Writers;
use lockstep_tests::{block_on, dial, tables, up};

use super::lab::Lab;
use crate::Fallible;
use crate::report::Report;

/// How many bytes the database has at least.
const BYTES: i64 = 1 << 30;

/// How many writers write.
const WRITERS: usize = 8;

/// The services, without those that are of no matter here.
const ONLY: [&str; 9] =
    ["postgres", "redis", "clickhouse", "minio", "litellm", "pg-0", "pg-1", "pg-2", "pgpool"];

/// A stack with a gigabyte in its old server, and a cluster beside it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) lab: Lab,
    /// The old server's database.
    pub(super) old: String,
    /// The same database at the cluster.
    pub(super) new: String,
    /// The database `postgres` through `PgPool`.
    pub(super) front: String,
}

impl Scene {
    /// Makes it; none where the schemas of real versions are not here.
    pub(super) fn make(report: &mut Report, name: &str) -> Fallible<Option<Self>> {
        let Some(schemas) = tables::real() else {
            let why = "the schemas of real versions are not here";
            report.note(format!("{name}: not measured, because {why}"));
            return Ok(None);
        };
        let only = ONLY.iter().flat_map(|service| ["--only", service]);
        let words: Vec<&str> = ["--stack", "beside-cluster"].into_iter().chain(only).collect();
        let lab = Lab::up(&words)?;
        let old = lab.env("DATABASE_URL")?;
        let front = lab.env("PGPOOL_DATABASE_URL")?;
        let database = old.rsplit_once('/').ok_or("the URL has no database")?.1;
        let server = front.rsplit_once('/').ok_or("the URL has no database")?.0;
        let new = format!("{server}/{database}");
        block_on(up(&old, &front));
        block_on(tables::large(&old, &schemas, BYTES));
        Ok(Some(Self { lab, old, new, front }))
    }

    /// Lets writers write, and returns when each of them has.
    pub(super) fn writers(&self) -> Writers {
        let writers = Writers::start(WRITERS, [&self.old, &self.new]);
        writers.have_written();
        writers
    }

    /// Returns about how many rows the old server has.
    pub(super) fn rows(&self) -> Fallible<i64> {
        let sum = "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::int8 FROM pg_class \
                   WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        block_on(async { Ok(dial(&self.old).await?.query_one(sum, &[]).await?.try_get(0)?) })
    }
}
