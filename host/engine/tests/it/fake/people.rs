//! What people want of a run, and what they are told.

use std::cell::{Cell, RefCell};

use lockstep_engine::model::{Millis, Moment};
use lockstep_engine::run::{Control, News, Reporter, Window, Wish};

#[derive(Default)]
pub(crate) struct FakeControl {
    wish: RefCell<Option<Wish>>,
    /// How often the engine asks before the wish is there.
    asks_before: Cell<u32>,
    /// The only maintenance window: when it opens and closes.
    pub(crate) window: Cell<Option<(Moment, Moment)>>,
}

impl FakeControl {
    pub(crate) fn wants(&self, wish: Option<Wish>) {
        self.wants_after(0, wish);
    }

    pub(crate) fn wants_after(&self, asks: u32, wish: Option<Wish>) {
        *self.wish.borrow_mut() = wish;
        self.asks_before.set(asks);
    }
}

impl Control for FakeControl {
    fn wish(&self) -> Option<Wish> {
        if self.asks_before.get() > 0 {
            self.asks_before.set(self.asks_before.get() - 1);
            return None;
        }
        self.wish.borrow().clone()
    }

    fn window(&self, now: Moment, needs: Millis) -> Window {
        let Some((opens, until)) = self.window.get() else { return Window::Always };
        if until.since(opens) < needs {
            return Window::Closed { opens: None };
        }
        if opens <= now && until.since(now) >= needs {
            return Window::Open { until };
        }
        Window::Closed { opens: Some(opens) }
    }
}

#[derive(Default)]
pub(crate) struct FakeReporter(pub(crate) RefCell<Vec<News>>);

impl Reporter for FakeReporter {
    fn report(&self, news: News) {
        self.0.borrow_mut().push(news);
    }
}
