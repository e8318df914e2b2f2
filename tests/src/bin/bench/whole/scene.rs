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

/// How many seconds services take to start, which their stand-ins take too. LiteLLM 1.80 with a database: measured. Langfuse's two:
/// as long as its own Helm chart lets them be before it looks for the first time (`initialDelaySeconds`, langfuse/langfuse-k8s#371).
const BOOTS: [(&str, &str); 3] =
    [("litellm", "19"), ("langfuse-web", "20"), ("langfuse-worker", "20")];

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
        for (service, seconds) in BOOTS {
            lab.set(service, BOOT_VARIABLE, seconds)?;
        }
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

/// The longest times between two rows that services wrote by themselves, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwritten {
    /// LiteLLM, which writes a row a second.
    pub(super) litellm: f64,
    /// Langfuse's worker, which writes what its web service takes in: an event a second.
    pub(super) langfuse: f64,
}

impl Unwritten {
    /// Asks for what they wrote since `from`.
    pub(super) fn since(url: &str, from: SystemTime) -> Fallible<Self> {
        let longest = |table: &str| {
            format!(
                "SELECT coalesce(extract(epoch FROM max(gap)), 0)::float8 \
                 FROM (SELECT at - lag(at) OVER (ORDER BY at) AS gap FROM {table} WHERE at >= $1) AS gaps"
            )
        };
        block_on(async {
            let server = dial(url).await?;
            let seconds = async |table: &str| {
                let row = server.query_one(&longest(table), &[&from]).await?;
                row.try_get::<_, f64>(0)
            };
            let litellm = seconds("lab_litellm_requests").await?;
            Ok(Self { litellm, langfuse: seconds("lab_langfuse_events").await? })
        })
    }
}
