//! Canaries that are acknowledged by the clock, except while nobody answers, and that may be lost afterwards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use lockstep_engine::model::{Canary, CanaryTally, Failure, Gap, Moment, Numbers, Placed};

#[derive(Default)]
pub(crate) struct Canaries {
    on: RefCell<Option<(Vec<Placed>, Moment)>>,
    /// Where they were led, each with what had happened by then.
    pub(crate) led: RefCell<Vec<(Canary, Vec<String>)>>,
    /// Where they were looked for last.
    pub(crate) looked: RefCell<Option<Canary>>,
    next: RefCell<BTreeMap<Canary, u64>>,
    /// When nobody answers them.
    pub(crate) silent: Cell<Option<Gap>>,
    /// Between which moments these are gone.
    pub(crate) lost: RefCell<Option<(Gap, Numbers)>>,
    /// Why nobody can look for them, while that is so.
    pub(crate) unreadable: RefCell<Option<Failure>>,
}

impl Canaries {
    pub(crate) fn begin(&self, canaries: Vec<Placed>, began: Moment, log: &[String]) {
        for Placed { place, .. } in &canaries {
            let mut led = self.led.borrow_mut();
            if led.last().map(|(last, _)| last) != Some(place) {
                led.push((place.clone(), log.to_vec()));
            }
        }
        self.on.replace(Some((canaries, began)));
    }

    pub(crate) fn end(&self) {
        self.on.borrow_mut().take();
    }

    pub(crate) fn any(&self) -> bool {
        self.on.borrow().is_some()
    }

    pub(crate) fn tallies(&self, now: Moment) -> Vec<(Canary, CanaryTally)> {
        let on = self.on.borrow();
        let Some((canaries, began)) = on.as_ref() else { return Vec::new() };
        let tally = |it: &Placed| (it.canary.clone(), self.tally(&it.canary, *began, now));
        canaries.iter().map(tally).collect()
    }

    fn tally(&self, canary: &Canary, began: Moment, now: Moment) -> CanaryTally {
        let mut tally = CanaryTally::default();
        let last = now.since(began).0 / canary.interval().0;
        let mut next = self.next.borrow_mut();
        let first = next.entry(canary.clone()).or_insert(1);
        for number in *first..=last {
            let at = Moment(began.0 + number * canary.interval().0);
            match self.silent.get().filter(|gap| gap.from <= at && at < gap.until) {
                Some(_) => tally.refused += 1,
                None => tally.acknowledged.insert(number),
            }
        }
        *first = (last + 1).max(*first);
        if let Some(gap) = self.silent.get().filter(|gap| gap.until <= now && tally.refused > 0) {
            tally.gaps.push(gap);
        }
        tally
    }

    pub(crate) fn missing(
        &self,
        place: &Canary,
        acknowledged: &Numbers,
        now: Moment,
    ) -> Result<Numbers, Failure> {
        self.looked.replace(Some(place.clone()));
        if let Some(failure) = self.unreadable.borrow().clone() {
            return Err(failure);
        }
        let lost = self.lost.borrow();
        let lost = lost.as_ref().filter(|(gap, _)| gap.from <= now && now < gap.until);
        let is_lost =
            |number: &u64| lost.is_some_and(|(_, all)| all.iter().any(|it| it == *number));
        Ok(acknowledged.iter().filter(is_lost).collect())
    }
}
