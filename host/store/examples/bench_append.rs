//! Prints durable appends a second, for one run and for 64 at once, beside SQLite's own single commits, as JSON lines.
//!
//! `bench_append [ROUNDS [FOLDER]]`: each round measures all three on the same disk; the last line has the medians of their ratios.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use lockstep_engine::journal::{Event, Head};
use lockstep_engine::model::{Digest, Moment, RunId, canonical};
use lockstep_engine::run::Journal;
use lockstep_store::{Holder, Lease, NewRun, Store, Takeover};
use rusqlite::Connection;
use tokio::time::Instant;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long each figure is measured.
const LENGTH: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: u32 = arguments.next().map_or(Ok(9), |text| text.parse())?;
    let folder = match arguments.next() {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let (mut one_ratios, mut many_ratios) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // What else the disk does changes by the second, so the three follow each other closely.
        let sqlite = single_commits(&folder.path().join(format!("plain-{round}.db")))?;
        let store = Store::open(&folder.path().join(format!("store-{round}")))?;
        let (one, _) = runs_at_once(&store, "one", 1).await?;
        let (many, per_commit) = runs_at_once(&store, "many", 64).await?;
        one_ratios.push(one / sqlite);
        many_ratios.push(many / sqlite);
        print(&serde_json::json!({
            "format": 1,
            "round": round,
            "sqlite_single_commits_per_second": sqlite.round(),
            "one_run_appends_per_second": one.round(),
            "64_runs_appends_per_second": many.round(),
            "64_runs_appends_per_commit": per_commit.round(),
        }))?;
    }
    print(&serde_json::json!({
        "format": 1,
        "rounds": rounds,
        "one_run_ratio_median": median(one_ratios),
        "64_runs_ratio_median": median(many_ratios),
    }))
}

fn print(line: &serde_json::Value) -> Fallible<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn median(mut ratios: Vec<f64>) -> Option<f64> {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).map(|ratio| (ratio * 100.0).round() / 100.0)
}

fn event(number: u32) -> Event {
    Event::TurnedBack {
        why: format!("number {number} with about as much text as an intent and an outcome have")
            .repeat(4),
    }
}

/// Measures SQLite alone, with the same settings and as long a body.
fn single_commits(path: &Path) -> Fallible<f64> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE lines (number INTEGER PRIMARY KEY, body TEXT)")?;
    let run: RunId = "r-plain".parse()?;
    let (records, _head) = Head::start(&run).link(
        &run,
        lockstep_engine::journal::Epoch(1),
        Moment(1),
        vec![event(1)],
    )?;
    let body = records.first().map(canonical).transpose()?;
    let mut insert = connection.prepare("INSERT INTO lines (body) VALUES (?1)")?;
    let (begin, mut done) = (Instant::now(), 0_u32);
    while begin.elapsed() < LENGTH {
        insert.execute([&body])?;
        done += 1;
    }
    Ok(f64::from(done) / begin.elapsed().as_secs_f64())
}

/// Measures so many runs that append at once: appends a second, and appends in each commit.
async fn runs_at_once(store: &Store, name: &str, count: u32) -> Fallible<(f64, f64)> {
    let mut sessions = Vec::new();
    for number in 0..count {
        sessions.push(begin(store, &format!("{name}-{number}")).await?);
    }
    let (commits, start) = (store.commits(), Instant::now());
    let tasks: Vec<_> = sessions
        .into_iter()
        .map(|(lease, head)| tokio::spawn(append_until(store.clone(), lease, head, start + LENGTH)))
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let commits = u32::try_from(store.commits() - commits)?.max(1);
    Ok((f64::from(done) / start.elapsed().as_secs_f64(), f64::from(done) / f64::from(commits)))
}

async fn append_until(store: Store, lease: Lease, mut head: Head, end: Instant) -> Fallible<u32> {
    let mut done = 0;
    while Instant::now() < end {
        let (records, next) = head.link(&lease.run, lease.epoch, Moment(1), vec![event(done)])?;
        store.append(&lease.run, lease.epoch, &head, &records).await?;
        head = next;
        done += 1;
    }
    Ok(done)
}

async fn begin(store: &Store, name: &str) -> Fallible<(Lease, Head)> {
    let run: RunId = name.parse()?;
    let new = NewRun {
        id: run.clone(),
        environment: name.to_owned(),
        component: "bench".to_owned(),
        plan: Digest::of(b"bench"),
        created: Moment(1),
        attachments: BTreeMap::new(),
    };
    let (_records, head) = store.create_run(new, vec![]).await?;
    let holder = Holder::this_process("bench")?;
    Ok((store.acquire(name, &run, &holder, Moment(1), Takeover::IfGone).await?, head))
}
