//! The store's bare appends: records made durable, with nothing of the engine but the chain.

use std::collections::BTreeMap;
use std::time::Instant;

use lockstep_engine::journal::Head;
use lockstep_engine::model::{Digest, Moment, RunId};
use lockstep_engine::run::Journal as _;
use lockstep_store::{Holder, Lease, NewRun, Store, Takeover};
use tokio::task::JoinSet;

use super::sqlite::{LENGTH, SingleCommits, event};
use super::{MANY, PEER};
use crate::Fallible;
use crate::figure::{Figure, Unit};
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds};

/// Measures appends for one run, and for many at once.
pub(crate) fn appends(report: &mut Report) -> Fallible<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(report))
}

async fn measure(report: &mut Report) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let (mut one, mut many) = (Rounds::default(), Rounds::default());
    for round in 0..ROUNDS {
        let store = Store::open(&folder.path().join(format!("store-{round}")))?;
        let peer = SingleCommits::open(&folder.path().join(format!("plain-{round}.db")))?;
        let before = peer.a_second()?;
        let alone = at_once(&store, "one", 1).await?;
        let between = peer.a_second()?;
        let crowd = at_once(&store, "many", MANY).await?;
        one.add(alone, before.midpoint(between));
        many.add(crowd, between.midpoint(peer.a_second()?));
    }
    report.add(Figure::beside("bare appends, one run", PEER, &one, Unit::PerSecond));
    let what = format!("bare appends, {MANY} runs at once");
    report.add(Figure::beside(what, PEER, &many, Unit::PerSecond));
    Ok(())
}

/// Returns how many appends a second so many runs make together.
async fn at_once(store: &Store, name: &str, count: usize) -> Fallible<f64> {
    let mut sessions = Vec::new();
    for number in 0..count {
        sessions.push(begin(store, &format!("{name}-{number}")).await?);
    }
    let start = Instant::now();
    let mut running = JoinSet::new();
    for (lease, head) in sessions {
        running.spawn(append_until(store.clone(), lease, head, start + LENGTH));
    }
    let mut done = 0;
    while let Some(appended) = running.join_next().await {
        done += appended??;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
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
