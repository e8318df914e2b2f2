//! A host call that does nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use lockstep_engine::model::{Answer, Call, Moment, StepCall};
use lockstep_engine::run::{Guest as _, Host};
use lockstep_runtime::{Limits, Runtime};

use super::PEER;
use super::alone::Alone;
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::place;
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds};

/// Host calls in one round, all from one instance.
const CALLS: u32 = 20_000;

/// A host that has nothing to do.
struct Idle;

impl Host for Idle {
    async fn answer(&mut self, _: Call) -> Answer {
        Answer::Progressed(Ok(None))
    }
}

/// Measures `effects.progress`, called by the runtime's test guest in a loop.
pub(crate) fn call(report: &mut Report) -> Fallible<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(report))
}

async fn measure(report: &mut Report) -> Fallible<()> {
    let wasm = place::guest()?;
    let folder = tempfile::tempdir()?;
    let limits = Limits { calls: u32::MAX, fuel: u64::MAX, ..Limits::default() };
    let mut plugin = Runtime::new(folder.path(), limits)?.load(&wasm)?;
    let alone = Alone::new()?;
    let ready = alone.ready(&alone.revive(&alone.compile(&wasm)?)?)?;
    let step = StepCall {
        step: "calls".parse()?,
        run: "run".parse()?,
        round: CALLS,
        now: Moment(0),
        parameters: BTreeMap::new(),
        facts: Vec::new(),
    };
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        plugin.observe(&step, &[], &mut Idle).await?.map_err(|failure| failure.to_string())?;
        let here = start.elapsed().as_secs_f64();
        let start = Instant::now();
        ready.calls(CALLS).await?;
        rounds.add(here / f64::from(CALLS), start.elapsed().as_secs_f64() / f64::from(CALLS));
    }
    report.add(
        Figure::beside("a host call that does nothing", PEER, &rounds, Unit::Seconds)
            .within(Budget::AtMost(1e-6)),
    );
    Ok(())
}
