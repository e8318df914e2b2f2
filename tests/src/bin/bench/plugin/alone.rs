//! A plugin with wasmtime alone: no fuel, no epoch, no proof that the code is ours, no engine behind the calls.

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::Fallible;
use crate::plugin::alone::bindings::exports::lockstep::plugin::upgrade::StepCall;
use crate::plugin::alone::bindings::lockstep::plugin::{effects, types};
use crate::plugin::alone::bindings::{Upgrader, UpgraderPre};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "upgrader",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

/// What a store holds: an empty WASI context.
pub(crate) struct Bare {
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

/// An engine and a linker, set up once.
pub(crate) struct Alone {
    engine: Engine,
    linker: Linker<Bare>,
}

/// A component, ready to be called.
pub(crate) struct Ready {
    engine: Engine,
    pre: UpgraderPre<Bare>,
}

/// Code that this process compiled.
pub(crate) struct Code(Vec<u8>);

impl Alone {
    pub(crate) fn new() -> Fallible<Self> {
        let engine = Engine::new(Config::new().concurrency_support(false))?;
        let mut linker: Linker<Bare> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        effects::add_to_linker::<_, HasSelf<_>>(&mut linker, |bare| bare)?;
        linker.allow_shadowing(true);
        Ok(Self { engine, linker })
    }

    pub(crate) fn compile(&self, wasm: &[u8]) -> Fallible<Code> {
        Ok(Code(self.engine.precompile_component(wasm)?))
    }

    /// Brings compiled code back, which is all that loading from a cache needs.
    #[expect(unsafe_code, reason = "wasmtime alone is measured with its own function")]
    pub(crate) fn revive(&self, code: &Code) -> Fallible<Component> {
        // SAFETY: a `Code` comes from `precompile_component` in this process, and nothing changes it.
        Ok(unsafe { Component::deserialize(&self.engine, &code.0) }?)
    }

    pub(crate) fn ready(&self, component: &Component) -> Fallible<Ready> {
        let mut linker = self.linker.clone();
        linker.define_unknown_imports_as_traps(component)?;
        let pre = UpgraderPre::new(linker.instantiate_pre(component)?)?;
        Ok(Ready { engine: self.engine.clone(), pre })
    }
}

impl Ready {
    /// Asks a fresh instance what it is.
    pub(crate) async fn describe(&self) -> Fallible<()> {
        let (mut store, guest) = self.instance().await?;
        guest.lockstep_plugin_upgrade().call_describe(&mut store).await?;
        Ok(())
    }

    /// Has a fresh instance of the test guest call the host that often.
    pub(crate) async fn calls(&self, count: u32) -> Fallible<()> {
        let (mut store, guest) = self.instance().await?;
        let call = StepCall {
            step: "calls".to_owned(),
            run: "run".to_owned(),
            round: count,
            now: 0,
            parameters: Vec::new(),
            facts: Vec::new(),
        };
        let seen = guest.lockstep_plugin_upgrade().call_observe(&mut store, &call, &[]).await?;
        seen.map(drop).map_err(|failure| format!("{failure:?}").into())
    }

    async fn instance(&self) -> Fallible<(Store<Bare>, Upgrader)> {
        let bare = Bare { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, bare);
        let guest = self.pre.instantiate_async(&mut store).await?;
        Ok((store, guest))
    }
}
