//! Canaries: small writes of the host's own beside a run, by which its real cost is measured.
//!
//! Each has a number. What was acknowledged must be there afterwards; how long nothing was acknowledged is an outage.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::name::StepId;
use super::time::{Millis, Moment};

/// What the host writes, or asks, again and again while a run goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Canary {
    /// A row a second in the table `lockstep.canary` behind a connection to PostgreSQL.
    Rows(String),
    /// A bit a second under the key [`BITS`] behind a connection to Redis.
    Bits(String),
    /// A `GET` every five seconds of a path at an HTTP endpoint. It writes nothing, so nothing of it can be missing.
    Answers {
        /// The endpoint.
        endpoint: String,
        /// The path, which the operator knows to change nothing.
        path: String,
    },
}

/// The key under which canaries of Redis are kept: one bit each.
pub const BITS: &str = "lockstep:canary-ledger";

impl Canary {
    /// Returns its name in the journal.
    pub fn id(&self) -> String {
        match self {
            Self::Rows(connection) => format!("rows:{connection}"),
            Self::Bits(connection) => format!("bits:{connection}"),
            Self::Answers { endpoint, .. } => format!("answers:{endpoint}"),
        }
    }

    /// Returns how often.
    pub const fn interval(&self) -> Millis {
        match self {
            Self::Rows(_) | Self::Bits(_) => Millis::seconds(1),
            Self::Answers { .. } => Millis::seconds(5),
        }
    }

    /// Returns the connection behind which it is kept.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Rows(connection) | Self::Bits(connection) => Some(connection),
            Self::Answers { .. } => None,
        }
    }

    /// Returns whether it is rows behind this connection.
    pub fn is_rows_of(&self, connection: &str) -> bool {
        matches!(self, Self::Rows(kept) if kept == connection)
    }

    /// Returns whether what was acknowledged stays and can be looked for.
    pub const fn is_kept(&self) -> bool {
        match self {
            Self::Rows(_) | Self::Bits(_) => true,
            Self::Answers { .. } => false,
        }
    }
}

/// The entry of a target's `extra` that names a connection behind which rows are kept beside the run. It stands once for each.
pub const CANARIES: &str = "canaries";

/// The entries of a draft's `extra` by which canaries move along with their database: the connection from which they move, the
/// one to which, the step before which the host makes their place there, the step with whose end they are there, and the
/// undo step with whose end they are back. The third may be absent, all others stand once.
pub const CANARIES_FOLLOW: [&str; 5] =
    ["canaries-from", "canaries-to", "canaries-room", "canaries-forth", "canaries-back"];

/// Canaries that move along with their database. The side in force follows from the journal alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Following {
    /// The connection behind which they are kept until then, and after a way back.
    pub from: String,
    /// The connection behind which they are kept from then on.
    pub to: String,
    /// The step with whose end the new side is in force: what is written there by then is not lost on a way back.
    pub forth: StepId,
    /// The undo step with whose end the former side is in force again.
    pub back: StepId,
}

/// A canary, and where it is kept now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The canary, as it is counted.
    pub canary: Canary,
    /// What is written: the same, at the side that is in force.
    pub place: Canary,
}

/// A set of numbers, kept as its stretches: each first and last, rising, with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Numbers(Vec<(u64, u64)>);

/// Stretches that do not rise, or that touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stretches of numbers do not rise with gaps between them")]
pub struct NotRising;

impl TryFrom<Vec<(u64, u64)>> for Numbers {
    type Error = NotRising;

    fn try_from(stretches: Vec<(u64, u64)>) -> Result<Self, NotRising> {
        let mut numbers = Self::default();
        for (first, last) in &stretches {
            numbers.insert_stretch(*first, *last);
        }
        if numbers.0 == stretches { Ok(numbers) } else { Err(NotRising) }
    }
}

impl From<Numbers> for Vec<(u64, u64)> {
    fn from(numbers: Numbers) -> Self {
        numbers.0
    }
}

impl Numbers {
    /// Adds one.
    pub fn insert(&mut self, number: u64) {
        self.insert_stretch(number, number);
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: &Self) {
        for (first, last) in &others.0 {
            self.insert_stretch(*first, *last);
        }
    }

    /// Returns the stretches: each first and last.
    pub fn stretches(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Returns how many there are.
    pub fn count(&self) -> u64 {
        self.0
            .iter()
            .map(|(first, last)| (last - first).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// Returns whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns every number, rising.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Returns those that are not among `others`.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let known: BTreeSet<u64> = others.iter().collect();
        self.iter().filter(|number| !known.contains(number)).collect()
    }

    fn insert_stretch(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        let from = self.0.partition_point(|(_, end)| end.saturating_add(1) < first);
        let touching = |stretch: &&(u64, u64)| stretch.0 <= last.saturating_add(1);
        let count = self.0.iter().skip(from).take_while(touching).count();
        let touched = self.0.get(from..from + count).unwrap_or_default();
        let joined = touched
            .iter()
            .fold((first, last), |(low, high), (from, to)| (low.min(*from), high.max(*to)));
        self.0.splice(from..from + count, [joined]);
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut all = Self::default();
        for number in numbers {
            all.insert(number);
        }
        all
    }
}

/// A time in which nothing was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The last acknowledgement before it, or the first attempt where there was none.
    pub from: Moment,
    /// The next acknowledgement, or the last attempt so far.
    pub until: Moment,
}

impl Gap {
    /// Returns how long it lasted.
    pub const fn length(&self) -> Millis {
        self.until.since(self.from)
    }
}

/// What became of the canaries of one kind over some time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryTally {
    /// Those that were acknowledged.
    pub acknowledged: Numbers,
    /// How many were not.
    pub refused: u64,
    /// The times without an acknowledgement that ended, or that the tally ends in.
    pub gaps: Vec<Gap>,
}

impl CanaryTally {
    /// Returns whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.acknowledged.is_empty() && self.refused == 0 && self.gaps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_touches_becomes_one_stretch() {
        let numbers: Numbers = [5, 1, 2, 9, 3, 8, 5].into_iter().collect();
        assert_eq!(numbers.stretches(), [(1, 3), (5, 5), (8, 9)]);
        assert_eq!(numbers.count(), 6);
        let all: Numbers = [0, u64::MAX].into_iter().collect();
        assert_eq!(all.count(), 2);
        for wrong in ["[[2,1]]", "[[3,4],[1,1]]", "[[1,2],[3,4]]", "[[1,2],[2,4]]"] {
            assert!(serde_json::from_str::<Numbers>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_put_in(one in proptest::collection::vec(0_u64..60, 0..60), other in proptest::collection::vec(0_u64..60, 0..60)) {
            let mut numbers: Numbers = one.iter().copied().collect();
            numbers.extend(&other.iter().copied().collect());
            let set: BTreeSet<u64> = one.into_iter().chain(other).collect();
            prop_assert!(numbers.iter().eq(set.iter().copied()));
            prop_assert_eq!(numbers.count(), set.len() as u64);
            let apart = numbers.stretches().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
            prop_assert!(apart, "{:?}", numbers);
        }
    }
}
