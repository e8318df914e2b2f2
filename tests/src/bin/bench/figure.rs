//! One measured figure: what, how much, how much it may be, and what its peer does.

use std::fmt;

use serde_json::{Value, json};

use crate::rounds::Rounds;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Time, in seconds.
    Seconds,
    /// Memory.
    Bytes,
    /// How many a second.
    PerSecond,
}

/// How much, of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantity {
    /// How much.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: Unit,
}

/// What a figure must keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Budget {
    /// The figure is at most this.
    AtMost(f64),
    /// The figure is at least so many times the peer's.
    Times(f64),
    /// The figure is at most so many times the peer's.
    AtMostTimes(f64),
}

/// Somebody else doing the same.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    name: &'static str,
    value: f64,
    ratio: f64,
}

/// One line of the report.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    what: String,
    here: Quantity,
    budget: Option<Budget>,
    peer: Option<Peer>,
}

impl Figure {
    /// A figure without a peer.
    pub(crate) fn alone(what: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { what: what.into(), here: Quantity { value, unit }, budget: None, peer: None }
    }

    /// A figure beside what `peer` did in the same rounds.
    pub(crate) fn beside(
        what: impl Into<String>,
        peer: &'static str,
        rounds: &Rounds,
        unit: Unit,
    ) -> Self {
        let peer = Peer { name: peer, value: rounds.peer(), ratio: rounds.ratio() };
        Self { peer: Some(peer), ..Self::alone(what, rounds.here(), unit) }
    }

    /// Adds what must be kept.
    pub(crate) fn within(self, budget: Budget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Returns whether the budget is kept; none without a budget.
    pub(crate) fn kept(&self) -> Option<bool> {
        Some(match self.budget? {
            Budget::AtMost(most) => self.here.value <= most,
            Budget::Times(least) => self.peer.as_ref().is_some_and(|peer| peer.ratio >= least),
            Budget::AtMostTimes(most) => self.peer.as_ref().is_some_and(|peer| peer.ratio <= most),
        })
    }

    /// Returns the line's cells: what, here, budget, peer, ratio.
    pub(crate) fn cells(&self) -> [String; 5] {
        let unit = self.here.unit;
        let budget = match self.budget {
            None => String::new(),
            Some(Budget::AtMost(value)) => format!("≤ {}", Quantity { value, unit }),
            Some(Budget::Times(times)) => format!("≥ {times} ×"),
            Some(Budget::AtMostTimes(times)) => format!("≤ {times} ×"),
        };
        let missed = if self.kept() == Some(false) { "  MISSED" } else { "" };
        let (peer, ratio) = self.peer.as_ref().map_or_else(Default::default, |peer| {
            let value = Quantity { value: peer.value, unit };
            (format!("{value} ({})", peer.name), format!("{:.2} ×", peer.ratio))
        });
        [self.what.clone(), self.here.to_string(), budget + missed, peer, ratio]
    }

    /// Says by how much the budget is missed, if it is.
    pub(crate) fn miss(&self) -> Option<String> {
        if self.kept()? {
            return None;
        }
        let [what, here, _, _, ratio] = self.cells();
        Some(match self.budget? {
            Budget::AtMost(value) => {
                format!(
                    "{what}: {here}, and {} is the budget",
                    Quantity { value, unit: self.here.unit }
                )
            }
            Budget::Times(times) | Budget::AtMostTimes(times) => {
                let ratio = if ratio.is_empty() { "no peer" } else { &ratio };
                format!("{what}: {ratio} the peer, and {times} × is the budget")
            }
        })
    }

    /// Returns the line for machines.
    pub(crate) fn json(&self) -> Value {
        let budget = self.budget.map(|budget| match budget {
            Budget::AtMost(value) => json!({ "at_most": value }),
            Budget::Times(times) => json!({ "at_least_times_peer": times }),
            Budget::AtMostTimes(times) => json!({ "at_most_times_peer": times }),
        });
        let peer = self.peer.as_ref();
        json!({
            "what": self.what,
            "here": self.here.value,
            "unit": self.here.unit.name(),
            "budget": budget,
            "kept": self.kept(),
            "peer": peer.map(|peer| json!({ "name": peer.name, "value": peer.value })),
            "ratio": peer.map(|peer| peer.ratio),
        })
    }
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::PerSecond => "per_second",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.unit {
            Unit::Seconds if value >= 1.0 => write!(f, "{value:.2} s"),
            Unit::Seconds if value >= 0.1 => write!(f, "{:.0} ms", value * 1e3),
            Unit::Seconds if value >= 1e-3 => write!(f, "{:.2} ms", value * 1e3),
            Unit::Seconds if value >= 1e-5 => write!(f, "{:.0} µs", value * 1e6),
            Unit::Seconds => write!(f, "{:.2} µs", value * 1e6),
            Unit::Bytes => write!(f, "{:.1} MiB", value / f64::from(1 << 20)),
            Unit::PerSecond => write!(f, "{value:.0}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(here: f64, peer: f64) -> Figure {
        let mut rounds = Rounds::default();
        rounds.add(here, peer);
        Figure::beside("appends", "SQLite", &rounds, Unit::PerSecond)
    }

    #[test]
    fn a_missed_budget_is_said_with_both_numbers() {
        let slow = Figure::alone("a call", 2e-6, Unit::Seconds).within(Budget::AtMost(1e-6));
        assert_eq!(slow.miss().unwrap(), "a call: 2.00 µs, and 1.00 µs is the budget");
        let few = beside(4.0, 1.0).within(Budget::Times(5.0));
        assert_eq!(few.miss().unwrap(), "appends: 4.00 × the peer, and 5 × is the budget");
        assert!(few.cells()[2].ends_with("MISSED"));
        let long = beside(4.0, 1.0).within(Budget::AtMostTimes(1.2));
        assert_eq!(long.miss().unwrap(), "appends: 4.00 × the peer, and 1.2 × is the budget");
    }

    #[test]
    fn a_kept_budget_and_none_are_not_missed() {
        assert_eq!(beside(5.0, 1.0).within(Budget::Times(5.0)).miss(), None);
        assert_eq!(beside(5.0, 1.0).kept(), None);
    }
}
