//! One call in a fresh instance, which is how every function of a plugin is called.

use std::time::Instant;

use lockstep_engine::run::Guest as _;
use lockstep_runtime::{Limits, Runtime};

use super::PEER;
use super::alone::Alone;
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::place;
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds, median};

/// Calls in one round; the round's figure is their median.
const CALLS: usize = 200;

/// Measures `describe` of the Redis plugin, which asks the host for nothing.
pub(crate) fn instance(report: &mut Report) -> Fallible<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(report))
}

async fn measure(report: &mut Report) -> Fallible<()> {
    let wasm = place::plugin("redis")?;
    let folder = tempfile::tempdir()?;
    let mut plugin = Runtime::new(folder.path(), Limits::default())?.load(wasm)?;
    let alone = Alone::new()?;
    let ready = alone.ready(&alone.revive(&alone.compile(wasm)?)?)?;
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let (mut here, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..CALLS {
            let start = Instant::now();
            plugin.describe().await?;
            here.push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            ready.describe().await?;
            peer.push(start.elapsed().as_secs_f64());
        }
        rounds.add(median(here), median(peer));
    }
    report.add(
        Figure::beside("an instance, and one call of it", PEER, &rounds, Unit::Seconds)
            .within(Budget::AtMost(100e-6)),
    );
    Ok(())
}
