//! What one call of a plugin may use.

use std::time::Duration;

use lockstep_engine::run::TrapKind;
use wasmtime::ResourceLimiter;

use crate::trap::Breach;

const MIB: usize = 1 << 20;

/// What one call of a plugin may use. All but `wall` are deterministic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel, about one unit for one WebAssembly instruction. The limit that stops a loop.
    pub fuel: u64,
    /// Time that the plugin's own code may take, waiting for the host left out. Only a backstop behind `fuel`: passing
    /// it is the host's fault and never a plugin's breach.
    pub wall: Duration,
    /// Bytes of memory.
    pub memory: usize,
    /// Elements of one table.
    pub table: usize,
    /// Core instances, memories and tables each; a component from Python has dozens.
    pub instances: usize,
    /// Calls of the host.
    pub calls: u32,
    /// Bytes that one call may hand to the host, arguments or answer.
    pub answer: usize,
    /// Bytes of log lines; what is longer is cut, and a line says so.
    pub log: usize,
    /// Bytes of the component itself.
    pub component: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 2_000_000_000,
            wall: Duration::from_secs(30),
            memory: 64 * MIB,
            table: 100_000,
            instances: 256,
            calls: 10_000,
            answer: 4 * MIB,
            log: 64 << 10,
            component: 64 * MIB,
        }
    }
}

/// Counts what one instance holds.
#[derive(Debug)]
pub(crate) struct Meter {
    memory: usize,
    table: usize,
    instances: usize,
    held: usize,
}

impl Meter {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self { memory: limits.memory, table: limits.table, instances: limits.instances, held: 0 }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let held = self.held.saturating_add(desired.saturating_sub(current));
        if held > self.memory {
            let allowed = self.memory / MIB;
            return Err(Breach::new(
                TrapKind::Memory,
                format!("it wanted more than the {allowed} MiB of memory that a call may use"),
            )
            .into());
        }
        self.held = held;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table {
            let allowed = self.table;
            return Err(Breach::new(
                TrapKind::Memory,
                format!("it wanted a table of {desired} elements, and {allowed} are allowed"),
            )
            .into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}
