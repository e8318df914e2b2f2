//! A database with a gigabyte in the tables of real versions to a cluster and back, while eight writers write.

use std::time::{Duration, SystemTime};

use lockstep_tests::requests::Asked;
use lockstep_tests::writers::Writers;
use lockstep_tests::{block_on, dial};

use super::copies::Copies;
use super::lab::Lab;
use super::process::{self, Whole};
use super::scene::{Scene, Unwritten, WRITERS};
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::report::Report;
use crate::rounds::Rounds;

/// The longest that all but one of a hundred writers may be without an acknowledgement.
const OUTAGE: Budget = Budget::AtMost(1.0);

/// What the copy may take, beside this.
const COPY: Budget = Budget::AtMostTimes(1.2);
const CLONE: &str = "pgcopydb clone";

/// What it may take until it is verified, beside this.
const VERIFIED: Budget = Budget::AtMostTimes(1.0);
const COMPARED: &str = "pgcopydb clone and compare data";

/// Measures it.
pub(crate) fn moving(report: &mut Report) -> Fallible<()> {
    let Some(scene) = Scene::make(report, "move")? else { return Ok(()) };
    let Scene { lab, old, new, front } = &scene;
    let rows = scene.rows()?;
    let until = |step: &str, command: &[&str]| {
        let mut words = command.to_vec();
        words.extend(["--yes", "--until", step]);
        process::run_to(10, &mut lab.command(&words))
    };
    let writers = scene.writers();
    until("link-end", &["apply", "postgres-ha", "-e", "lab"])?;
    // Beside the same writers, and to the same cluster with the same settings.
    let primary = primary(lab, front)?;
    let peers = Copies { from: old, server: &primary };
    let by_hand = peers.dump_and_restore()?;
    let clone = peers.clone()?;
    let copied = until("indexes", &["resume"])?;
    let verified = until("verify", &["resume"])?;
    writers.forget_times();
    let requests = scene.requests()?;
    let from = SystemTime::now();
    let moved = until("prove", &["resume"])?;
    writers.have_written();
    let there = writers.told();
    there.is_all_in(new);
    let (asked_there, unwritten_there) = (requests.told(), Unwritten::since(new, from)?);
    writers.forget_times();
    requests.forget();
    let from = SystemTime::now();
    let back = process::run_to(11, &mut lab.command(&["rollback", "--yes"]))?;
    writers.have_written();
    let told = writers.end();
    told.is_all_in(old);
    let (asked_back, unwritten_back) = (requests.told(), Unwritten::since(old, from)?);

    report.note(format!(
        "move: {rows} rows in the schemas of LiteLLM 1.80.0 and Langfuse 3.170.0, PostgreSQL 15 to 16; {} rows were acknowledged \
         meanwhile, each of which was there once, at the cluster and at the old server again",
        told.acknowledged.len()
    ));
    outage(report, "there", &there.longest);
    service(report, "there", unwritten_there, asked_there);
    outage(report, "back", &told.longest);
    service(report, "back", unwritten_back, asked_back);
    let copy = clone.map(|it| it.clone);
    beside(report, "copy of schema and rows, with indexes", CLONE, copied.wall, copy);
    let until_verified = copied.wall + verified.wall;
    let compared = clone.map(|it| it.clone + it.compare);
    beside(report, "until it is verified", COMPARED, until_verified, compared);
    beside(report, "until it is verified", "pg_dump | psql", until_verified, Some(by_hand));
    report.add(Figure::alone("references, deployments, comparison", moved.wall, Unit::Seconds));
    report.add(Figure::alone("back, everything compared", back.wall, Unit::Seconds));
    let peak = [&copied, &verified, &moved, &back].into_iter().map(|it: &Whole| it.peak);
    report.add(Figure::alone("most memory held", peak.fold(0.0, f64::max), Unit::Bytes));
    Ok(())
}

/// Measures it with a front that comes first, there only.
pub(crate) fn front(report: &mut Report) -> Fallible<()> {
    let Some(mut scene) = Scene::make(report, "front")? else { return Ok(()) };
    scene.share_the_password()?;
    let Scene { lab, old, new, .. } = &scene;
    let until = |step: &str, command: &[&str]| {
        let mut words = command.to_vec();
        words.extend(["--yes", "--until", step]);
        process::run_to(10, &mut lab.command(&words))
    };
    until("through", &["apply", "postgres-ha", "-e", "lab"])?;
    let writers = Writers::start(WRITERS, [&scene.through()?, old], Duration::ZERO);
    writers.have_written();
    until("verify", &["resume"])?;
    writers.forget_times();
    let requests = scene.requests()?;
    let from = SystemTime::now();
    until("prove", &["resume"])?;
    writers.have_written();
    let (asked, unwritten) = (requests.told(), Unwritten::since(new, from)?);
    let told = writers.end();
    told.is_all_in(new);
    outage(report, "there, front first", &told.longest);
    service(report, "there, front first", unwritten, asked);
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

/// What LiteLLM, its clients and Langfuse were without.
fn service(report: &mut Report, way: &str, unwritten: Unwritten, asked: Asked) {
    let figure =
        |what: &str, seconds| Figure::alone(format!("{what} {way}"), seconds, Unit::Seconds);
    report.add(figure("LiteLLM's own rows waited", unwritten.litellm));
    report.add(figure("Langfuse's own rows waited", unwritten.langfuse));
    report.add(figure("its clients waited for an answer", asked.longest.as_secs_f64()));
    let Asked { answered, failed, .. } = asked;
    report.note(format!("move: {way}, LiteLLM answered {answered} requests, and {failed} failed"));
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
    report.add(match name {
        CLONE => figure.within(COPY),
        COMPARED => figure.within(VERIFIED),
        _ => figure,
    });
}

/// Returns the URL of the node that is the primary. `PgPool` would send sessions to nodes that do not have a new database yet.
fn primary(lab: &Lab, front: &str) -> Fallible<String> {
    let (account, rest) = front.split_once('@').ok_or("the URL has no account")?;
    let (_host, rest) = rest.split_once(':').ok_or("the URL has no port")?;
    for node in ["pg-0", "pg-1", "pg-2"] {
        let url = format!("{account}@{}:{rest}", lab.address(node)?);
        let follows = block_on(async {
            dial(&url).await?.query_one("SELECT pg_is_in_recovery()", &[]).await
        })?;
        if !follows.try_get::<_, bool>(0)? {
            return Ok(url);
        }
    }
    Err("the cluster has no primary".into())
}
