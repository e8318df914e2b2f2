//! WASI 0.2 with nothing granted: no file, no address, no variable, a clock that stands still and seeded randomness.

use std::time::Duration;

use lockstep_engine::model::Moment;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::{DynPollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

use crate::instance::Instance;
use crate::seed::Seed;
use crate::stderr::Stderr;

/// The most random bytes that a plugin gets at once; it is computed while the plugin waits.
const MAX_RANDOM: u64 = 64 << 10;

/// The clock's full name as wasmtime links it; another version would stand beside it instead of replacing it.
const CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// The moment that the engine recorded for the call.
#[derive(Clone, Copy, Debug)]
struct StandingClock(Moment);

impl HostWallClock for StandingClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.0)
    }
}

impl HostMonotonicClock for StandingClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.0.saturating_mul(1_000_000)
    }
}

/// Returns the context of one call.
pub(crate) fn context(seed: Seed, now: Moment, stderr: &Stderr) -> WasiCtx {
    WasiCtx::builder()
        .stderr(stderr.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .secure_random(seed.stream("secure"))
        .insecure_random(seed.stream("insecure"))
        .insecure_random_seed(seed.number())
        .max_random_size(MAX_RANDOM)
        .wall_clock(StandingClock(now))
        .monotonic_clock(StandingClock(now))
        .build()
}

/// Links all of WASI 0.2 but `wasi:http`.
pub(crate) fn link(linker: &mut Linker<Instance>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // A clock that stands still must not make anybody wait: a plugin that sleeps goes on at once, and the engine waits
    // between its calls.
    linker.allow_shadowing(true);
    let mut clock = linker.instance(CLOCK)?;
    clock.func_wrap("subscribe-instant", |store, (_,): (u64,)| at_once(store))?;
    clock.func_wrap("subscribe-duration", |store, (_,): (u64,)| at_once(store))?;
    linker.allow_shadowing(false);
    Ok(())
}

fn at_once(mut store: StoreContextMut<'_, Instance>) -> wasmtime::Result<(Resource<DynPollable>,)> {
    let table = store.data_mut().table();
    let ready = table.push(Stderr::default())?;
    Ok((subscribe(table, ready)?,))
}
