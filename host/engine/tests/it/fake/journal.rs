//! A journal in memory that can lose, keep or delay what it is given.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use lockstep_engine::journal::{Epoch, Event, Head, Linked, Record, RunState};
use lockstep_engine::model::{Millis, Moment, RunId};
use lockstep_engine::run::{AppendError, Clock, Journal};

use super::clock::FakeClock;

/// What becomes of one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is durable.
    Kept,
    /// It fails, and nothing is durable: also a crash just before it.
    Lost,
    /// It is reported as failed and is durable after all: also a crash just after it.
    KeptAndLost,
    /// It is durable after this long.
    Slow(Millis),
}

pub(crate) struct FakeJournal {
    pub(crate) run: RunId,
    pub(crate) fates: RefCell<VecDeque<Fate>>,
    /// How often something was appended.
    pub(crate) appends: Cell<usize>,
    /// Whether another process takes the run before the next append.
    pub(crate) steal: Cell<bool>,
    /// When each critical section that has begun was written, by the time that has passed.
    pub(crate) sections: RefCell<Vec<(String, u64)>>,
    /// Appends after which another process takes the run.
    pub(crate) steal_at: Cell<Option<u32>>,
    spoilt: Cell<bool>,
    clock: Rc<FakeClock>,
    records: RefCell<Vec<Record>>,
    head: Cell<Head>,
    epoch: Cell<Epoch>,
}

impl FakeJournal {
    pub(crate) fn new(clock: Rc<FakeClock>) -> Self {
        let run: RunId = "run-1".parse().unwrap();
        Self {
            head: Cell::new(Head::start(&run)),
            run,
            fates: RefCell::default(),
            appends: Cell::new(0),
            steal: Cell::new(false),
            sections: RefCell::default(),
            steal_at: Cell::new(None),
            spoilt: Cell::new(false),
            clock,
            records: RefCell::default(),
            epoch: Cell::new(Epoch(0)),
        }
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.borrow().clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.records.borrow().iter().map(|record| record.event.clone()).collect()
    }

    pub(crate) fn state(&self) -> RunState {
        RunState::fold(&self.records.borrow()).unwrap()
    }

    pub(crate) fn last(&self) -> Option<Event> {
        self.records.borrow().last().map(|record| record.event.clone())
    }

    /// Returns when the first such record was written.
    pub(crate) fn at(&self, is_it: impl Fn(&Event) -> bool) -> Moment {
        self.records.borrow().iter().find(|record| is_it(&record.event)).unwrap().at
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn clock(&self) -> Rc<FakeClock> {
        Rc::clone(&self.clock)
    }

    pub(crate) fn pass(&self, length: Millis) {
        self.clock.pass(length);
    }

    /// Writes what people and processes write beside the engine.
    pub(crate) fn write(&self, at: Moment, event: Event) {
        let head = self.head.get();
        let (records, _) = head.link(&self.run, self.epoch.get(), at, vec![event]).unwrap();
        self.keep(&records);
    }

    pub(crate) fn take(&self, at: Moment) -> Epoch {
        let epoch = Epoch(self.epoch.get().0 + 1);
        self.epoch.set(epoch);
        if self.spoilt.get() {
            return epoch;
        }
        self.write(at, Event::Leased { epoch, holder: "test".to_owned() });
        epoch
    }

    pub(crate) fn forget(&self) {
        self.records.borrow_mut().clear();
        self.head.set(Head::start(&self.run));
    }

    /// Changes the moment of one record.
    pub(crate) fn spoil(&self, index: usize) {
        self.spoilt.set(true);
        self.records.borrow_mut()[index].at = Moment(1);
    }

    /// Puts `records`, which follow from the head, at the end.
    fn keep(&self, records: &[Linked]) {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
        let head = self.head.get();
        let first = first.record();
        assert_eq!((first.sequence, first.previous), (head.next, head.digest), "in its place");
        self.head.set(last.head());
        for linked in records {
            if let Event::SectionBegan { section, .. } = &linked.record().event {
                self.sections.borrow_mut().push((section.clone(), self.clock.elapsed()));
            }
        }
        self.records.borrow_mut().extend(records.iter().map(|linked| linked.record().clone()));
    }
}

impl Journal for FakeJournal {
    async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        records: &[Linked],
    ) -> Result<(), AppendError> {
        assert_eq!(run, &self.run);
        assert!(!records.is_empty(), "an append of nothing");
        let left = self.steal_at.get();
        self.steal_at.set(left.and_then(|left| left.checked_sub(1)));
        if self.steal.take() || left == Some(0) {
            self.epoch.set(Epoch(epoch.0 + 1));
        }
        if epoch != self.epoch.get() {
            return Err(AppendError::Superseded { epoch });
        }
        if *after != self.head.get() {
            return Err(AppendError::Diverged);
        }
        self.appends.set(self.appends.get() + 1);
        let fate = self.fates.borrow_mut().pop_front().unwrap_or(Fate::Kept);
        let failed = || Err(AppendError::Store("the disk is full".to_owned()));
        match fate {
            Fate::Lost => return failed(),
            Fate::Slow(length) => self.clock.pass(length),
            Fate::Kept | Fate::KeptAndLost => {}
        }
        self.keep(records);
        if fate == Fate::KeptAndLost { failed() } else { Ok(()) }
    }
}
