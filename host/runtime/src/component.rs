//! From bytes to a plugin that can be called.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use lockstep_engine::model::Digest;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine};

use crate::bindings::{Upgrader, UpgraderPre};
use crate::cache::Cache;
use crate::contract;
use crate::error::{LoadError, RuntimeError};
use crate::inspect::inspect;
use crate::instance::Instance;
use crate::limits::Limits;
use crate::ticker::Ticker;
use crate::wasi;

/// The stack of WebAssembly frames.
const WASM_STACK: usize = 512 << 10;

/// The stack that host functions run on, WebAssembly's frames included.
const HOST_STACK: usize = 2 << 20;

/// How many frames are written down when a plugin is stopped.
const FRAMES: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// Loads plugins. One for each process: it owns the compiler's settings and the thread that limits time.
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Instance>,
    cache: Cache,
    limits: Arc<Limits>,
    ticker: Arc<Ticker>,
}

/// A plugin, ready to be called. A clone shares the compiled code.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) pre: UpgraderPre<Instance>,
    pub(crate) core: Core,
}

/// What calling a plugin takes, whichever contract it was made for.
#[derive(Clone)]
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) digest: Digest,
    pub(crate) limits: Arc<Limits>,
    pub(crate) ticker: Arc<Ticker>,
}

impl Runtime {
    /// Starts the runtime; compiled plugins are kept in `cache_folder`, which must be this user's alone.
    pub fn new(cache_folder: &Path, limits: Limits) -> Result<Self, RuntimeError> {
        let failed = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let engine = Engine::new(&config()).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        wasi::link(&mut linker).map_err(failed)?;
        Upgrader::add_to_linker::<_, HasSelf<_>>(&mut linker, |instance| instance)
            .map_err(failed)?;
        let ticker = Arc::new(Ticker::start(&engine).map_err(RuntimeError::Ticker)?);
        let cache = Cache::open(cache_folder)?;
        Ok(Self { engine, linker, cache, limits: Arc::new(limits), ticker })
    }

    /// Loads a component: from the cache within milliseconds, or compiled, which takes a second for each few megabytes.
    ///
    /// # Errors
    /// The component imports what no plugin gets, or was made for another contract: the error names it. The cache is
    /// never a reason: an entry that can't be trusted is compiled again.
    pub fn load(&self, wasm: &[u8]) -> Result<Plugin, LoadError> {
        let (size, limit) = (wasm.len(), self.limits.component);
        if size > limit {
            return Err(LoadError::Size { size, limit });
        }
        let digest = Digest::of(wasm);
        let component = if let Some(component) = self.cache.find(&self.engine, &digest) {
            component
        } else {
            contract::admit(&inspect(wasm)?)?;
            self.cache.compile(&self.engine, &digest, wasm)?
        };
        let pre = self.link(&component, wasm)?;
        Ok(Plugin { pre, core: self.core(digest) })
    }

    /// Returns what calling the plugin with this digest takes.
    pub(crate) fn core(&self, digest: Digest) -> Core {
        Core {
            engine: self.engine.clone(),
            digest,
            limits: Arc::clone(&self.limits),
            ticker: Arc::clone(&self.ticker),
        }
    }

    fn link(&self, component: &Component, wasm: &[u8]) -> Result<UpgraderPre<Instance>, LoadError> {
        self.linker.instantiate_pre(component).and_then(UpgraderPre::new).map_err(|error| {
            // A name that is missing has a better text than wasmtime's; what is left are functions of another type.
            let by_name =
                inspect(wasm).map_err(LoadError::from).and_then(|found| contract::admit(&found));
            by_name.err().unwrap_or_else(|| LoadError::Types {
                offered: contract::VERSION,
                message: format!("{error:#}"),
            })
        })
    }
}

impl Plugin {
    /// Returns the digest of the component's bytes.
    pub const fn digest(&self) -> &Digest {
        &self.core.digest
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(HOST_STACK)
        // The same bits on every machine, so that a replay elsewhere takes the same path.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .concurrency_support(false)
        // Both would add a tenth to what is loaded, for places in code whose names are stripped.
        .generate_address_map(false)
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(Some(FRAMES));
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::InspectError;

    #[test]
    fn what_is_no_component_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            Runtime::new(folder.path(), Limits { component: 64, ..Limits::default() }).unwrap();
        let refused = |wasm: &[u8]| runtime.load(wasm).err().unwrap();
        assert_eq!(refused(b"\0asm\x01\0\0\0"), LoadError::Inspect(InspectError::CoreModule));
        assert!(matches!(refused(b"#!/bin/sh"), LoadError::Inspect(InspectError::Invalid(_))));
        assert!(matches!(refused(b"\0asm\x0d\0\x01\0"), LoadError::Export { .. }));
        assert_eq!(refused(&[0; 65]), LoadError::Size { size: 65, limit: 64 });
    }
}
