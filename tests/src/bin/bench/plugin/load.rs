//! Loading a plugin: compiled, and from the cache.

use std::time::Instant;

use lockstep_runtime::{Limits, Runtime};

use super::PEER;
use super::alone::Alone;
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::place;
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds, median};

/// Loads from the cache in one round; the round's figure is their median.
const LOADS: usize = 30;

/// Measures loading the Redis plugin.
pub(crate) fn load(report: &mut Report) -> Fallible<()> {
    let wasm = place::plugin("redis")?;
    let alone = Alone::new()?;
    let (mut cold, mut cached) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        let runtime = Runtime::new(folder.path(), Limits::default())?;
        let (here, loaded) = timed(|| Ok(runtime.load(wasm)?))?;
        drop(loaded);
        let (peer, code) = timed(|| alone.compile(wasm))?;
        cold.add(here, peer);
        let (mut here, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..LOADS {
            here.push(timed(|| Ok(runtime.load(wasm)?))?.0);
            peer.push(timed(|| alone.revive(&code))?.0);
        }
        cached.add(median(here), median(peer));
    }
    let size = wasm.len() >> 10;
    report.add(Figure::beside(
        format!("plugin load, cold: redis, {size} KiB"),
        PEER,
        &cold,
        Unit::Seconds,
    ));
    report.add(
        Figure::beside("plugin load, from the cache", PEER, &cached, Unit::Seconds)
            .within(Budget::AtMost(2e-3)),
    );
    Ok(())
}

/// Returns how long `work` took, and what it gave; dropping that is not part of the work.
fn timed<T>(work: impl FnOnce() -> Fallible<T>) -> Fallible<(f64, T)> {
    let start = Instant::now();
    let made = work()?;
    Ok((start.elapsed().as_secs_f64(), made))
}
