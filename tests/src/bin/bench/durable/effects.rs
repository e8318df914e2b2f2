//! Durable effects: each intent is committed before its effect is sent, and each outcome with what follows it.

use std::sync::Arc;
use std::time::Instant;

use lockstep_engine::model::Plan;
use lockstep_store::Store;
use tokio::task::JoinSet;

use super::outside::Outside;
use super::postgres::{self, Server};
use super::prepared::Prepared;
use super::shape::{self, ALL};
use super::sqlite::SingleCommits;
use super::{MANY, PEER};
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds};
use crate::whole::{ABSENT, Terraform, run};

/// Runs that follow each other in one round: one alone is too short to be measured.
const ONE_BY_ONE: usize = 8;

/// Resources of one `terraform apply`.
const RESOURCES: usize = 1000;

/// Measures runs of the engine over the store, one and many at once.
pub(crate) fn effects(report: &mut Report) -> Fallible<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(report))
}

async fn measure(report: &mut Report) -> Fallible<()> {
    let plan = Arc::new(shape::plan()?);
    let folder = tempfile::tempdir()?;
    let (mut one, mut many) = (Rounds::default(), Rounds::default());
    for round in 0..ROUNDS {
        let store = Store::open(&folder.path().join(format!("store-{round}")))?;
        let peer = SingleCommits::open(&folder.path().join(format!("plain-{round}.db")))?;
        let before = peer.a_second()?;
        let alone = one_by_one(&store, &plan).await?;
        let between = peer.a_second()?;
        let crowd = at_once(&store, &plan).await?;
        one.add(alone, before.midpoint(between));
        many.add(crowd, between.midpoint(peer.a_second()?));
    }
    let what = "durable effects, one run";
    report.add(Figure::beside(what, PEER, &one, Unit::PerSecond).within(Budget::Times(0.8)));
    report.add(
        Figure::beside(
            format!("durable effects, {MANY} runs at once"),
            PEER,
            &many,
            Unit::PerSecond,
        )
        .within(Budget::Times(5.0)),
    );
    in_postgresql(report, &plan).await?;
    let Some(terraform) = Terraform::find(RESOURCES)? else {
        report.note(ABSENT);
        return Ok(());
    };
    let mut applied = Rounds::default();
    for round in 0..ROUNDS {
        let store = Store::open(&folder.path().join(format!("beside-terraform-{round}")))?;
        let here = one_by_one(&store, &plan).await?;
        applied.add(here, rate(RESOURCES, run(&mut terraform.apply()?)?.wall));
    }
    report.add(Figure::beside(what, "terraform apply", &applied, Unit::PerSecond));
    report.note(format!(
        "terraform apply: {RESOURCES} `terraform_data`, ten at a time; whole process"
    ));
    Ok(())
}

/// Measures the same over a store in PostgreSQL.
async fn in_postgresql(report: &mut Report, plan: &Arc<Plan>) -> Fallible<()> {
    let server = Server::start().await?;
    let (mut one, mut many) = (Rounds::default(), Rounds::default());
    for round in 0..ROUNDS {
        let store = server.store(&format!("round_{round}")).await?;
        let before = server.a_second().await?;
        let alone = one_by_one(&store, plan).await?;
        let between = server.a_second().await?;
        let crowd = at_once(&store, plan).await?;
        one.add(alone, before.midpoint(between));
        many.add(crowd, between.midpoint(server.a_second().await?));
    }
    let what = "durable effects in PostgreSQL, one run";
    report.add(Figure::beside(what, postgres::PEER, &one, Unit::PerSecond));
    let what = format!("durable effects in PostgreSQL, {MANY} runs at once");
    report.add(Figure::beside(what, postgres::PEER, &many, Unit::PerSecond));
    Ok(())
}

/// Returns effects a second of runs that follow each other.
///
/// # Errors
/// There were fewer commits than effects: then some intent was not durable before its effect was sent.
async fn one_by_one(store: &Store, plan: &Arc<Plan>) -> Fallible<f64> {
    let (mut seconds, mut commits) = (0.0, 0);
    for number in 0..ONE_BY_ONE {
        let run = Prepared::new(store, plan, format!("one-{number}")).await?;
        let (start, earlier) = (Instant::now(), store.commits());
        run.finish(&mut Outside, ALL).await?;
        seconds += start.elapsed().as_secs_f64();
        commits += store.commits() - earlier;
    }
    if commits < u64::try_from(ONE_BY_ONE * ALL)? {
        return Err(format!("{commits} commits for {} effects", ONE_BY_ONE * ALL).into());
    }
    Ok(rate(ONE_BY_ONE * ALL, seconds))
}

/// Returns effects a second of many runs that go on at once.
async fn at_once(store: &Store, plan: &Arc<Plan>) -> Fallible<f64> {
    let mut prepared = Vec::new();
    for number in 0..MANY {
        prepared.push(Prepared::new(store, plan, format!("many-{number}")).await?);
    }
    let start = Instant::now();
    let mut running = JoinSet::new();
    for run in prepared {
        running.spawn(async move { run.finish(&mut Outside, ALL).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(rate(MANY * ALL, start.elapsed().as_secs_f64()))
}

fn rate(count: usize, seconds: f64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from) / seconds
}
