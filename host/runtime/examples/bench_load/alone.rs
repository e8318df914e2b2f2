//! The same with wasmtime alone: no fuel, no epoch, no cache check, no engine behind the calls.

use std::error::Error;
use std::time::Instant;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::alone::bindings::exports::lockstep::plugin::upgrade::StepCall;
use crate::alone::bindings::lockstep::plugin::{effects, types};
use crate::alone::bindings::{Upgrader, UpgraderPre};
use crate::{CALLS, TIMES, print, print_median};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "upgrader",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

struct Bare {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl types::Host for Bare {}

impl effects::Host for Bare {
    async fn perform(
        &mut self,
        _: String,
        _: Vec<effects::Argument>,
    ) -> wasmtime::Result<Result<Vec<types::Fact>, types::Failure>> {
        Ok(Ok(Vec::new()))
    }

    async fn progress(
        &mut self,
        _: String,
    ) -> wasmtime::Result<Result<Option<effects::Job>, types::Failure>> {
        Ok(Ok(None))
    }
}

impl WasiView for Bare {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

#[expect(unsafe_code, reason = "wasmtime alone is measured with its own function")]
pub(crate) async fn measure(wasm: &[u8]) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(Config::new().concurrency_support(false))?;
    let start = Instant::now();
    let compiled = engine.precompile_component(wasm)?;
    print("wasmtime_compile", start);
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        // SAFETY: these bytes come from `precompile_component` above.
        drop(unsafe { Component::deserialize(&engine, &compiled) }?);
        times.push(start.elapsed().as_nanos());
    }
    print_median("wasmtime_deserialize", times);
    // SAFETY: as above.
    let component = unsafe { Component::deserialize(&engine, &compiled) }?;
    let mut linker: Linker<Bare> = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    effects::add_to_linker::<_, HasSelf<_>>(&mut linker, |bare| bare)?;
    linker.allow_shadowing(true);
    let mut others = linker.clone();
    others.define_unknown_imports_as_traps(&component)?;
    let pre = UpgraderPre::new(others.instantiate_pre(&component)?)?;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        observe(&engine, &pre, 0).await?;
        times.push(start.elapsed().as_nanos());
    }
    print_median("wasmtime_instance_and_call", times);
    let mut times = Vec::new();
    for _ in 0..10 {
        let start = Instant::now();
        observe(&engine, &pre, CALLS).await?;
        times.push(start.elapsed().as_nanos() / u128::from(CALLS));
    }
    print_median("wasmtime_host_call", times);
    Ok(())
}

async fn observe(
    engine: &Engine,
    pre: &UpgraderPre<Bare>,
    round: u32,
) -> Result<(), Box<dyn Error>> {
    let bare = Bare { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
    let mut store = Store::new(engine, bare);
    let guest: Upgrader = pre.instantiate_async(&mut store).await?;
    let call = StepCall {
        step: "calls".to_owned(),
        run: "run".to_owned(),
        round,
        now: 0,
        parameters: Vec::new(),
        facts: Vec::new(),
    };
    let seen = guest.lockstep_plugin_upgrade().call_observe(&mut store, &call, &[]).await?;
    seen.map(drop).map_err(|failure| format!("{failure:?}").into())
}
