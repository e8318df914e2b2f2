//! One call's instance: what its imports work with.

use std::sync::Arc;

use lockstep_engine::model::{Answer, Call, Level, Moment};
use lockstep_engine::run::TrapKind;
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::limits::{Limits, Meter};
use crate::seed::Seed;
use crate::slot::Slot;
use crate::stderr::Stderr;
use crate::ticker::TICK;
use crate::trap::{Breach, Fault};
use crate::wasi;

/// The most WASI handles that an instance holds at once.
const MAX_HANDLES: usize = 4096;

/// What one call's imports work with. Made for one call and dropped after it, whatever its end.
pub(crate) struct Instance {
    limits: Arc<Limits>,
    meter: Meter,
    wasi: WasiCtx,
    table: ResourceTable,
    slot: Slot,
    stderr: Stderr,
    calls: u32,
    logged: usize,
    cut: bool,
    ticks: u128,
    answered: bool,
}

impl Instance {
    /// Returns a store for one call.
    pub(crate) fn store(
        engine: &Engine,
        limits: &Arc<Limits>,
        seed: Seed,
        now: Moment,
    ) -> wasmtime::Result<Store<Self>> {
        let stderr = Stderr::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let instance = Self {
            meter: Meter::new(limits),
            wasi: wasi::context(seed, now, &stderr),
            limits: Arc::clone(limits),
            table,
            slot: Slot::default(),
            stderr,
            calls: 0,
            logged: 0,
            cut: false,
            ticks: 0,
            answered: false,
        };
        let mut store = Store::new(engine, instance);
        store.limiter(|instance| &mut instance.meter);
        store.set_fuel(limits.fuel)?;
        store.set_hostcall_fuel(limits.answer);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(tick);
        Ok(store)
    }

    pub(crate) fn slot(&self) -> Slot {
        self.slot.clone()
    }

    pub(crate) fn stderr(&self) -> Stderr {
        self.stderr.clone()
    }

    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Hands `call` to the engine's host and waits for its answer.
    pub(crate) async fn ask(&mut self, call: Call) -> wasmtime::Result<Answer> {
        self.calls += 1;
        if self.calls > self.limits.calls {
            let allowed = self.limits.calls;
            return Err(Breach::new(
                TrapKind::Calls,
                format!("it called the host more than {allowed} times"),
            )
            .into());
        }
        let answer = self.slot.ask(call).await;
        self.answered = true;
        Ok(answer)
    }

    /// Hands on a log line as far as it fits into what is left for this call, and says once that it did not.
    pub(crate) async fn log(&mut self, level: Level, mut message: String) -> wasmtime::Result<()> {
        if self.cut {
            return Ok(());
        }
        let left = self.limits.log.saturating_sub(self.logged);
        self.cut = message.len() > left;
        message.truncate(message.floor_char_boundary(left));
        self.logged += message.len();
        if !(self.cut && message.is_empty()) {
            self.say(level, message).await?;
        }
        if self.cut {
            let kept = self.limits.log >> 10;
            let note =
                format!("(the plugin said more than {kept} KiB in one call; the rest is left out)");
            self.say(Level::Warn, note).await?;
        }
        Ok(())
    }

    async fn say(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        match self.ask(Call::Log(level, message)).await? {
            Answer::Logged => Ok(()),
            Answer::Read(_)
            | Answer::Declared(_)
            | Answer::Performed(_)
            | Answer::Progressed(_) => Err(mismatch("log.write")),
        }
    }
}

/// Returns the fault of a host whose answer does not fit the question.
pub(crate) fn mismatch(question: &str) -> wasmtime::Error {
    Fault(format!("the host's answer does not fit `{question}`")).into()
}

/// Counts one tick of the plugin's own time.
fn tick(mut store: StoreContextMut<'_, Instance>) -> wasmtime::Result<UpdateDeadline> {
    let instance = store.data_mut();
    // The first tick after an answer passed while the host worked.
    if !std::mem::take(&mut instance.answered) {
        instance.ticks += 1;
    }
    if instance.ticks > instance.limits.wall.as_millis() / TICK.as_millis() {
        let seconds = instance.limits.wall.as_secs_f32();
        return Err(Fault(format!(
            "it took more than {seconds} s of this machine's time before its fuel ran out"
        ))
        .into());
    }
    Ok(UpdateDeadline::Yield(1))
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
