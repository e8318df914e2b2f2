//! What nine rounds measured.

/// How often each measure and its peer take turns.
pub(crate) const ROUNDS: usize = 9;

/// One value for each round, here and at the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<(f64, f64)>);

impl Rounds {
    /// Adds what one round measured.
    pub(crate) fn add(&mut self, here: f64, peer: f64) {
        self.0.push((here, peer));
    }

    /// Returns the median here.
    pub(crate) fn here(&self) -> f64 {
        median(self.0.iter().map(|(here, _)| *here).collect())
    }

    /// Returns the peer's median.
    pub(crate) fn peer(&self) -> f64 {
        median(self.0.iter().map(|(_, peer)| *peer).collect())
    }

    /// Returns the median of each round's own ratio, which other load on the machine changes least.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.0.iter().map(|(here, peer)| here / peer).collect())
    }
}

/// Returns the middle one of the values; of an even number the upper middle one, of none zero.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_ratios_and_not_the_ratio_of_medians() {
        let mut rounds = Rounds::default();
        for (here, peer) in [(1.0, 1.0), (20.0, 10.0), (6.0, 2.0)] {
            rounds.add(here, peer);
        }
        let all = [rounds.here(), rounds.peer(), rounds.ratio()];
        assert_eq!(all.map(f64::to_bits), [6.0, 2.0, 2.0].map(f64::to_bits));
    }
}
