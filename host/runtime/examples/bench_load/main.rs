//! Measures loading and calling a plugin, beside the same with wasmtime alone. One JSON object a line.
//!
//! The component is the tests' guest, because it calls the host as often as it is told:
//! `cargo build --release --locked --target wasm32-wasip2 --target-dir target/tmp/guest --manifest-path
//! host/runtime/tests/guest/Cargo.toml`, then `cargo run --release -p lockstep-runtime --example bench_load --
//! target/tmp/guest/wasm32-wasip2/release/lockstep_runtime_guest.wasm`.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use lockstep_engine::model::{Answer, Call, Moment, StepCall};
use lockstep_engine::run::{Guest as _, Host};
use lockstep_runtime::{Limits, Runtime};

mod alone;

/// How often what is fast is measured.
const TIMES: usize = 200;

/// How many host calls one measured call makes.
const CALLS: u32 = 10_000;

/// A host that has nothing to do.
struct Idle;

impl Host for Idle {
    async fn answer(&mut self, _: Call) -> Answer {
        Answer::Progressed(Ok(None))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a component")?;
    let wasm = std::fs::read(path)?;
    let folder = tempfile::tempdir()?;
    lockstep(&wasm, folder.path()).await?;
    alone::measure(&wasm).await
}

async fn lockstep(wasm: &[u8], folder: &Path) -> Result<(), Box<dyn Error>> {
    let limits = Limits { calls: u32::MAX, fuel: u64::MAX, ..Limits::default() };
    let start = Instant::now();
    let runtime = Runtime::new(folder, limits)?;
    print("lockstep_runtime_new", start);
    let start = Instant::now();
    let mut plugin = runtime.load(wasm)?;
    print("lockstep_load_cold", start);
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        plugin = runtime.load(wasm)?;
        times.push(start.elapsed().as_nanos());
    }
    print_median("lockstep_load_cached", times);
    let call = |round| -> Result<StepCall, Box<dyn Error>> {
        Ok(StepCall {
            step: "calls".parse()?,
            run: "run".parse()?,
            round,
            now: Moment(0),
            parameters: BTreeMap::new(),
            facts: Vec::new(),
        })
    };
    let (empty, full) = (call(0)?, call(CALLS)?);
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        plugin.observe(&empty, &[], &mut Idle).await?.map_err(|failure| failure.to_string())?;
        times.push(start.elapsed().as_nanos());
    }
    print_median("lockstep_instance_and_call", times);
    let mut times = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        plugin.observe(&full, &[], &mut Idle).await?.map_err(|failure| failure.to_string())?;
        times.push(start.elapsed().as_nanos() / u128::from(CALLS));
    }
    print_median("lockstep_host_call", times);
    Ok(())
}

fn print(name: &str, start: Instant) {
    println!("{{\"name\":\"{name}\",\"ns\":{}}}", start.elapsed().as_nanos());
}

fn print_median(name: &str, mut times: Vec<u128>) {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!("{{\"name\":\"{name}\",\"ns\":{median}}}");
}
