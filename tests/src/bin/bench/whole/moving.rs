//! A database with a gigabyte in the tables of real versions to a cluster and back, while eight writers write.

use std::time::Duration;

use lockstep_tests::writers::Writers;
use lockstep_tests::{block_on, dial, tables, up};

use super::copies::Copies;
use super::lab::Lab;
use super::process::{self, Whole};
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::report::Report;
use crate::rounds::Rounds;

/// How many bytes the database has at least.
const BYTES: i64 = 1 << 30;

/// How many writers write.
const WRITERS: usize = 8;

/// The longest that all but one of a hundred writers may be without an acknowledgement.
const OUTAGE: Budget = Budget::AtMost(1.0);

/// What the copy may take, beside `pgcopydb clone`.
const COPY: Budget = Budget::AtMostTimes(1.2);

/// The services, without those that are of no matter here.
const ONLY: [&str; 9] =
    ["postgres", "redis", "clickhouse", "minio", "litellm", "pg-0", "pg-1", "pg-2", "pgpool"];

/// Measures it.
pub(crate) fn moving(report: &mut Report) -> Fallible<()> {
    let Some(schemas) = tables::real() else {
        report.note("move: not measured, because the schemas of real versions are not here");
        return Ok(());
    };
    let only = ONLY.iter().flat_map(|service| ["--only", service]);
    let words: Vec<&str> = ["--stack", "beside-cluster"].into_iter().chain(only).collect();
    let lab = Lab::up(&words)?;
    let old = lab.env("DATABASE_URL")?;
    let front = lab.env("PGPOOL_DATABASE_URL")?;
    let database = old.rsplit_once('/').ok_or("the URL has no database")?.1;
    let new = format!("{}/{database}", front.rsplit_once('/').ok_or("the URL has no database")?.0);
    block_on(up(&old, &front));
    block_on(tables::large(&old, &schemas, BYTES));
    let rows = block_on(rows(&old))?;

    // PgPool would send their sessions to nodes that do not have the new database yet.
    let (account, rest) = front.split_once('@').ok_or("the URL has no account")?;
    let (_host, rest) = rest.split_once(':').ok_or("the URL has no port")?;
    let primary = format!("{account}@{}:{rest}", lab.address("pg-0")?);
    let peers = Copies { from: &old, server: &primary };
    let by_hand = peers.dump_and_restore()?;
    let clone = peers.clone()?;

    let until = |step: &str, command: &[&str]| {
        let mut words = command.to_vec();
        words.extend(["--yes", "--until", step]);
        process::run_to(10, &mut lab.command(&words))
    };
    let writers = Writers::start(WRITERS, [&old, &new]);
    writers.have_written();
    until("link-end", &["apply", "postgres-ha", "-e", "lab"])?;
    let copied = until("indexes", &["resume"])?;
    let verified = until("verify", &["resume"])?;
    writers.forget_times();
    let moved = until("prove", &["resume"])?;
    writers.have_written();
    let there = writers.told();
    there.is_all_in(&new);
    writers.forget_times();
    let back = process::run_to(11, &mut lab.command(&["rollback", "--yes"]))?;
    writers.have_written();
    let told = writers.end();
    told.is_all_in(&old);

    report.note(format!(
        "move: {rows} rows in the schemas of LiteLLM 1.80.0 and Langfuse 3.170.0, PostgreSQL 15 to 16; {} rows were acknowledged \
         meanwhile, each of which was there once, at the cluster and at the old server again",
        told.acknowledged.len()
    ));
    outage(report, "there", &there.longest);
    outage(report, "back", &told.longest);
    beside(report, "copy of schema and rows, with indexes", "pgcopydb clone", copied.wall, clone);
    let until_verified = copied.wall + verified.wall;
    beside(report, "until it is verified", "pg_dump | psql", until_verified, Some(by_hand));
    report.add(Figure::alone("references, deployments, comparison", moved.wall, Unit::Seconds));
    report.add(Figure::alone("back, everything compared", back.wall, Unit::Seconds));
    let peak = [&copied, &verified, &moved, &back].into_iter().map(|it: &Whole| it.peak);
    report.add(Figure::alone("most memory held", peak.fold(0.0, f64::max), Unit::Bytes));
    Ok(())
}

/// How long the writers were without an acknowledgement. Of fewer than a hundred writers the 99th percentile is the longest.
fn outage(report: &mut Report, way: &str, longest: &[Duration]) {
    let mut times: Vec<f64> = longest.iter().map(Duration::as_secs_f64).collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let most = times.last().copied().unwrap_or_default();
    report.add(Figure::alone(format!("writes waited {way}, median writer"), median, Unit::Seconds));
    let what = format!("writes waited {way}, 99th percentile of writers");
    report.add(Figure::alone(what, most, Unit::Seconds).within(OUTAGE));
}

fn beside(report: &mut Report, what: &str, name: &'static str, here: f64, peer: Option<f64>) {
    let Some(peer) = peer else {
        report.add(Figure::alone(what, here, Unit::Seconds));
        report.note(format!("{name}: not on this machine"));
        return;
    };
    let mut rounds = Rounds::default();
    rounds.add(here, peer);
    let figure = Figure::beside(what, name, &rounds, Unit::Seconds);
    report.add(if name == "pgcopydb clone" { figure.within(COPY) } else { figure });
}

async fn rows(url: &str) -> Fallible<i64> {
    let client = dial(url).await?;
    let sum = "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::int8 FROM pg_class \
               WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    Ok(client.query_one(sum, &[]).await?.try_get(0)?)
}
