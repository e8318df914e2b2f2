//! A database to move: a gigabyte in the tables of real versions, with a cluster beside it.

use std::time::{Duration, SystemTime};

use lockstep_lab::stand_in::BOOT_VARIABLE;
use lockstep_tests::requests::Requests;
use lockstep_tests::writers::Writers;
use lockstep_tests::{SERVICES, block_on, dial, tables, up};

use super::lab::Lab;
use crate::Fallible;
use crate::report::Report;

/// How many bytes the database has at least.
const BYTES: i64 = 1 << 30;

/// How many writers write.
pub(super) const WRITERS: usize = 8;

/// How many seconds LiteLLM 1.80 took to start with a database, which its stand-in takes too.
const BOOT: &str = "19";

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
        let only = SERVICES.iter().flat_map(|service| ["--only", service]);
        let words: Vec<&str> = ["--stack", "beside-cluster"].into_iter().chain(only).collect();
        let lab = Lab::up(&words)?;
        let old = lab.env("DATABASE_URL")?;
        let front = lab.env("PGPOOL_DATABASE_URL")?;
        let database = old.rsplit_once('/').ok_or("the URL has no database")?.1;
        let server = front.rsplit_once('/').ok_or("the URL has no database")?.0;
        let new = format!("{server}/{database}");
        lab.set("litellm", BOOT_VARIABLE, BOOT)?;
        block_on(up(&old, &front));
        block_on(tables::large(&old, &schemas, BYTES));
        Ok(Some(Self { lab, old, new, front }))
    }

    /// Makes the old server's password the one with which the cluster's front lets clients in, for a front that comes first.
    pub(super) fn share_the_password(&mut self) -> Fallible<()> {
        let account = self.new.split_once("//postgres:").and_then(|(_, rest)| rest.split_once('@'));
        let (password, _) = account.ok_or("the URL has no password")?;
        let (_, server) = self.old.split_once('@').ok_or("the URL has no account")?;
        let alter = format!("ALTER ROLE postgres PASSWORD '{password}'");
        block_on(async { dial(&self.old).await?.batch_execute(&alter).await })?;
        self.old = format!("postgresql://postgres:{password}@{server}");
        let reference = "${{pgpool.PGPOOL_POSTGRES_PASSWORD}}";
        self.lab.set("postgres", "POSTGRES_PASSWORD", reference)?;
        let toml = "version = 1\n[environments.lab.options.postgres-ha]\nfront-first = \"true\"\n";
        Ok(self.lab.configure(toml)?)
    }

    /// Returns the URL of the database through the front that came first.
    pub(super) fn through(&self) -> Fallible<String> {
        let (account, _) = self.old.split_once('@').ok_or("the URL has no account")?;
        let (_, database) = self.old.rsplit_once('/').ok_or("the URL has no database")?;
        Ok(format!("{account}@{}:5432/{database}", self.lab.address("postgres-front")?))
    }

    /// Lets a client ask LiteLLM for completions.
    pub(super) fn requests(&self) -> Fallible<Requests> {
        let address = format!("{}:4000", self.lab.address("litellm")?).parse()?;
        let key = self.lab.variable("litellm", "LITELLM_MASTER_KEY")?;
        let body = r#"{"model":"bench","messages":[]}"#;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: litellm\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        Ok(Requests::start(address, request))
    }

    /// Lets writers write, and returns when each of them has.
    pub(super) fn writers(&self) -> Writers {
        let writers = Writers::start(WRITERS, [&self.old, &self.new], Duration::ZERO);
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

/// Returns the longest time between two rows that LiteLLM wrote by itself since `from`, in seconds.
pub(super) fn unwritten(url: &str, from: SystemTime) -> Fallible<f64> {
    let longest = "SELECT coalesce(extract(epoch FROM max(gap)), 0)::float8 FROM (SELECT at - lag(at) OVER (ORDER BY at) AS gap \
                   FROM lab_litellm_requests WHERE at >= $1) AS gaps";
    block_on(async { Ok(dial(url).await?.query_one(longest, &[&from]).await?.try_get(0)?) })
}
