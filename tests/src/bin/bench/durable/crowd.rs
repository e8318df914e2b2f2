//! A thousand runs at once in one process, each with a plugin of its own that is loaded and really called.
//!
//! A process of its own does the work, so that what it holds is what the runs hold.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{FuturesUnordered, TryStreamExt as _};
use lockstep_engine::model::{Digest, Moment, PluginPin, Target};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Guest as _, Planner};
use lockstep_runtime::{Limits, Runtime};
use lockstep_store::Store;

use super::outside::Outside;
use super::prepared::Prepared;
use super::shape;
use crate::figure::{Budget, Figure, Unit};
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds};
use crate::whole::{Whole, run};
use crate::{Fallible, place};

/// Runs at once.
const CROWD: usize = 1000;

/// Runs at once beside which those are measured.
const FEW: usize = 250;

/// The option that has this program be the process of its own.
const OPTION: &str = "--crowd";

/// What the guest's plan has of effects.
const EFFECTS: usize = 4;

/// Measures memory and time of many runs at once.
pub(crate) fn crowd(report: &mut Report) -> Fallible<()> {
    let wasm = place::steady()?;
    let (mut memory, mut time) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        let few = child(FEW, &wasm)?;
        let many = child(CROWD, &wasm)?;
        memory.add(many.0.peak, few.0.peak);
        time.add(many.1 / as_float(CROWD), few.1 / as_float(FEW));
    }
    report.add(
        Figure::beside(format!("memory of {CROWD} runs at once"), "250 runs", &memory, Unit::Bytes)
            .within(Budget::AtMost(f64::from(1 << 30))),
    );
    let what = format!("time of a run, {CROWD} at once");
    report.add(Figure::beside(what, "250 runs", &time, Unit::Seconds));
    report.note(format!(
        "{CROWD} runs: {EFFECTS} effects and 8 calls of a plugin each; whole process"
    ));
    Ok(())
}

/// Does the work if this program was called for it: `--crowd COUNT COMPONENT`.
pub(crate) fn crowd_of(words: &[String]) -> Option<Fallible<()>> {
    let [option, count, wasm] = words else { return None };
    (option == OPTION).then(|| {
        let count = count.parse()?;
        let seconds = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(at_once(count, Path::new(wasm)))?;
        println!("{seconds}");
        Ok(())
    })
}

/// Returns what so many runs took as a process, and their own seconds.
fn child(count: usize, wasm: &Path) -> Fallible<(Whole, f64)> {
    let mut command = Command::new(std::env::current_exe()?);
    let whole = run(command.arg(OPTION).arg(count.to_string()).arg(wasm))?;
    let seconds = whole.out.trim().parse()?;
    Ok((whole, seconds))
}

/// Runs so many at once, as a runner does: each plugin is loaded for its run, and all wait for each other in one task.
async fn at_once(count: usize, wasm: &Path) -> Fallible<f64> {
    let (folder, wasm) = (tempfile::tempdir()?, std::fs::read(wasm)?);
    let runtime = Runtime::new(&folder.path().join("cache"), Limits::default())?;
    let mut first = runtime.load(&wasm)?;
    let described = first.describe().await?;
    let target = Target {
        component: "steady".to_owned(),
        environment: "bench".to_owned(),
        desired: None,
        options: Vec::new(),
        now: Moment(1),
        extra: Vec::new(),
    };
    let plan = Planner {
        world: &Outside,
        reporter: &Outside,
        grant: &shape::grant(),
        plugin: &PluginPin {
            name: described.name,
            version: described.version,
            digest: Digest::of(&wasm),
        },
        environment: "bench",
        watching: &Watching { traffic: Some(Vec::new()), ..Watching::default() },
    };
    let plan = Arc::new(plan.plan(&mut first, &target).await?);
    let store = Store::open(&folder.path().join("store"))?;
    let mut prepared = Vec::new();
    for number in 0..count {
        prepared.push(Prepared::new(&store, &plan, format!("crowd-{number}")).await?);
    }
    let start = Instant::now();
    let running: FuturesUnordered<_> = prepared
        .into_iter()
        .map(async |run| {
            let mut plugin = runtime.load(&wasm)?;
            run.finish(&mut plugin, EFFECTS).await
        })
        .collect();
    running.try_collect::<Vec<()>>().await?;
    Ok(start.elapsed().as_secs_f64())
}

fn as_float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
