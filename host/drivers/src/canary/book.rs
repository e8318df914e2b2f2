//! What became of the canaries of one kind, as this process counts them.

use lockstep_engine::model::{CanaryTally, Gap, Millis, Moment};

/// An acknowledgement that takes longer was waited for, as by a lock: that is an outage too.
const SLOW: Millis = Millis(500);

/// Whoever counts stood still if one attempt, or the time to the next, takes longer: what happened meanwhile nobody saw.
const ASLEEP: Millis = Millis::seconds(15);

/// The canaries of one kind.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// What nobody was told yet.
    fresh: CanaryTally,
    /// The newest acknowledgement, or the first attempt where there was none.
    last: Option<Moment>,
    /// The newest attempt that failed, while nothing has been acknowledged since.
    failing: Option<Moment>,
    /// When the newest attempt ended.
    ended: Option<Moment>,
}

impl Book {
    /// Takes in that `number`, which was attempted at `began`, was acknowledged at `now`.
    pub(super) fn acknowledged(&mut self, number: u64, began: Moment, now: Moment) {
        self.wake(began, now);
        self.fresh.acknowledged.insert(number);
        if now.since(began) > ASLEEP {
            self.close();
            self.last = Some(now);
            return;
        }
        let from = match (self.failing.take(), self.last) {
            (Some(_), Some(last)) => Some(last),
            (Some(_), None) => Some(began),
            (None, _) => (now.since(began) >= SLOW).then_some(began),
        };
        self.fresh.gaps.extend(from.map(|from| Gap { from, until: now }));
        self.last = Some(now);
    }

    /// Takes in that what was attempted at `began` was not acknowledged until `now`.
    pub(super) fn refused(&mut self, began: Moment, now: Moment) {
        self.wake(began, now);
        self.fresh.refused += 1;
        if now.since(began) > ASLEEP {
            return self.close();
        }
        self.last.get_or_insert(began);
        self.failing = Some(now);
    }

    /// Returns what nobody was told yet. A time without an acknowledgement that is not over is told when it is.
    pub(super) fn take(&mut self) -> CanaryTally {
        std::mem::take(&mut self.fresh)
    }

    /// Closes the book: what is not over ends with the newest attempt, and nothing is known of what follows.
    pub(super) fn close(&mut self) {
        if let (Some(until), Some(from)) = (self.failing.take(), self.last.take()) {
            self.fresh.gaps.push(Gap { from, until });
        }
        self.last = None;
    }

    /// Closes the book where nobody looked until `began`.
    fn wake(&mut self, began: Moment, now: Moment) {
        let before = self.ended.replace(now);
        if before.is_some_and(|before| began.since(before) > ASLEEP) {
            self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(from: u64, until: u64) -> Gap {
        Gap { from: Moment(from), until: Moment(until) }
    }

    #[test]
    fn an_outage_lasts_from_one_acknowledgement_to_the_next() {
        let mut book = Book::default();
        book.acknowledged(1, Moment(1000), Moment(1003));
        book.refused(Moment(2000), Moment(2001));
        assert_eq!(book.take().gaps, [], "it is not over");
        book.refused(Moment(3000), Moment(8000));
        book.acknowledged(9, Moment(9000), Moment(9004));
        let tally = book.take();
        assert_eq!((tally.refused, tally.gaps), (1, vec![gap(1003, 9004)]));
        assert_eq!(tally.acknowledged.stretches(), [(9, 9)]);
        assert!(book.take().is_empty(), "each is told once");
    }

    #[test]
    fn what_is_waited_for_is_an_outage_without_a_refusal() {
        let mut book = Book::default();
        book.acknowledged(1, Moment(1000), Moment(1800));
        book.acknowledged(2, Moment(2000), Moment(2499));
        let tally = book.take();
        assert_eq!((tally.refused, tally.gaps), (0, vec![gap(1000, 1800)]));
    }

    #[test]
    fn the_sleep_of_whoever_counts_is_no_outage() {
        let hours = 7_200_000;
        let mut book = Book::default();
        book.acknowledged(1, Moment(1000), Moment(1003));
        book.refused(Moment(hours), Moment(hours + 5));
        book.acknowledged(7201, Moment(hours + 1000), Moment(hours + 1005));
        assert_eq!(book.take().gaps, [gap(hours, hours + 1005)], "only what was seen");
        book.acknowledged(7202, Moment(hours + 2000), Moment(2 * hours));
        assert_eq!(book.take().gaps, [], "it slept while one was under way");
        book.refused(Moment(2 * hours + 1000), Moment(3 * hours));
        book.acknowledged(10_801, Moment(3 * hours + 1000), Moment(3 * hours + 1005));
        assert_eq!(book.take().gaps, [], "nor is a sleep that ends with a dead connection");
    }

    #[test]
    fn a_book_that_is_closed_says_what_it_saw_and_nothing_of_the_time_after() {
        let mut book = Book::default();
        book.refused(Moment(500), Moment(600));
        book.refused(Moment(1500), Moment(1600));
        book.close();
        assert_eq!(book.take().gaps, [gap(500, 1600)]);
        book.acknowledged(90, Moment(90_000), Moment(90_001));
        assert_eq!(book.take().gaps, [], "nobody was there in between");
    }
}
