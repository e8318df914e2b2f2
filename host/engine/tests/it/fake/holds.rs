//! Blocks on writes as a server keeps them: it lifts each by itself, by a clock of its own that never jumps.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use lockstep_engine::model::{Label, Millis};

use super::clock::FakeClock;

/// Who lifted a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifted {
    /// An effect of the plan.
    Released,
    /// The server, because its time was over.
    ByTheServer,
    /// The process that held it left the run.
    LetGo,
}

/// One block that is over.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) label: Label,
    /// In milliseconds of the server's clock.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) lifted: Lifted,
}

pub(crate) struct Holds {
    clock: Rc<FakeClock>,
    /// Since when each stands, and until when at the latest.
    standing: RefCell<BTreeMap<Label, (u64, u64)>>,
    past: RefCell<Vec<Past>>,
    /// How long the next block stands before the server loses it.
    pub(crate) lost_after: Cell<Option<Millis>>,
}

impl Holds {
    pub(crate) fn new(clock: Rc<FakeClock>) -> Self {
        Self {
            clock,
            standing: RefCell::default(),
            past: RefCell::default(),
            lost_after: Cell::default(),
        }
    }

    pub(crate) fn hold(&self, label: &Label, longest: Millis) {
        let now = self.clock.elapsed();
        let until = now + self.lost_after.take().unwrap_or(longest).min(longest).0;
        let before = self.standing.borrow_mut().insert(label.clone(), (now, until));
        assert!(before.is_none(), "`{label}` blocks writes that it blocks already (L5)");
    }

    pub(crate) fn stands(&self, label: &Label) -> bool {
        self.end_what_is_over();
        self.standing.borrow().contains_key(label)
    }

    pub(crate) fn any(&self) -> bool {
        self.end_what_is_over();
        !self.standing.borrow().is_empty()
    }

    pub(crate) fn release(&self, label: &Label) {
        self.lift(Lifted::Released, |held, _| held == label);
    }

    pub(crate) fn let_go(&self) {
        self.lift(Lifted::LetGo, |_, _| true);
    }

    /// Returns the blocks that are over.
    pub(crate) fn past(&self) -> Vec<Past> {
        self.end_what_is_over();
        self.past.borrow().clone()
    }

    fn end_what_is_over(&self) {
        let now = self.clock.elapsed();
        self.end(Lifted::ByTheServer, |_, until| until <= now);
    }

    fn lift(&self, lifted: Lifted, which: impl Fn(&Label, u64) -> bool) {
        self.end_what_is_over();
        self.end(lifted, which);
    }

    fn end(&self, lifted: Lifted, which: impl Fn(&Label, u64) -> bool) {
        let now = self.clock.elapsed();
        self.standing.borrow_mut().retain(|label, (from, until)| {
            let over = which(label, *until);
            if over {
                let to = now.min(*until);
                let past = Past { label: label.clone(), from: *from, to, lifted };
                self.past.borrow_mut().push(past);
            }
            !over
        });
    }
}
