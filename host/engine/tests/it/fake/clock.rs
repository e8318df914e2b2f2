//! Time that passes only when somebody waits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use lockstep_engine::model::{Millis, Moment};
use lockstep_engine::run::Clock;

/// More waits than any test needs: an engine that waits longer waits for ever.
const MAX_WAITS: u64 = 2_000_000;

pub(crate) struct FakeClock {
    now: Cell<Moment>,
    elapsed: Cell<u64>,
    set: Cell<bool>,
    waits: Cell<u64>,
    /// Where the clock jumps by so many milliseconds: after so many waits.
    pub(crate) jumps: RefCell<BTreeMap<u64, i64>>,
}

impl Default for FakeClock {
    fn default() -> Self {
        Self {
            now: Cell::new(Moment(1_000_000)),
            elapsed: Cell::new(0),
            set: Cell::new(false),
            waits: Cell::new(0),
            jumps: RefCell::default(),
        }
    }
}

impl FakeClock {
    pub(crate) fn pass(&self, length: Millis) {
        self.now.set(self.now.get().plus(length));
        self.elapsed.set(self.elapsed.get() + length.0);
    }

    /// Returns how much time has passed, however the clock was set meanwhile.
    pub(crate) fn elapsed(&self) -> u64 {
        self.elapsed.get()
    }

    /// Returns whether the clock has jumped.
    pub(crate) fn was_set(&self) -> bool {
        self.set.get()
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Moment {
        self.now.get()
    }

    async fn sleep(&self, length: Millis) {
        self.waits.set(self.waits.get() + 1);
        assert!(self.waits.get() < MAX_WAITS, "the engine waits for ever");
        self.pass(length);
        if let Some(jump) = self.jumps.borrow_mut().remove(&self.waits.get()) {
            self.set.set(true);
            self.now.set(Moment(self.now.get().0.saturating_add_signed(jump)));
        }
    }
}
