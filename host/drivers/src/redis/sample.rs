//! The keys with the smallest ids: a sample that two looks choose in the same way.

use std::collections::BTreeMap;

/// A key that is in the sample so far.
pub(super) struct Chosen {
    pub(super) database: u32,
    pub(super) key: Vec<u8>,
    pub(super) kind: String,
    pub(super) ttl: Option<u64>,
}

/// Keeps the `most` keys with the smallest ids of all that it is shown.
pub(super) struct Sample {
    most: usize,
    chosen: BTreeMap<[u8; 16], Chosen>,
}

impl Sample {
    pub(super) fn new(most: usize) -> Self {
        Self { most, chosen: BTreeMap::new() }
    }

    /// Shows a key; `chosen` is only made for one that is kept.
    pub(super) fn show(&mut self, id: [u8; 16], chosen: impl FnOnce() -> Chosen) {
        let full = self.chosen.len() >= self.most;
        let last = self.chosen.last_key_value().map(|(last, _)| *last);
        if self.most == 0
            || (full && last.is_some_and(|last| id > last))
            || self.chosen.contains_key(&id)
        {
            return;
        }
        self.chosen.insert(id, chosen());
        if self.chosen.len() > self.most {
            self.chosen.pop_last();
        }
    }

    /// Returns what was kept, smallest id first.
    pub(super) fn into_chosen(self) -> impl Iterator<Item = ([u8; 16], Chosen)> {
        self.chosen.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_ids_are_kept_whatever_the_order() {
        let chosen = || Chosen { database: 0, key: Vec::new(), kind: String::new(), ttl: None };
        let ids = |order: &[u8]| {
            let mut sample = Sample::new(3);
            for id in order {
                sample.show([*id; 16], chosen);
            }
            sample.into_chosen().map(|(id, _)| id[0]).collect::<Vec<_>>()
        };
        assert_eq!(ids(&[9, 1, 5, 1, 3, 7]), [1, 3, 5]);
        assert_eq!(ids(&[1, 3, 5, 7, 9]), ids(&[9, 7, 5, 3, 1]));
    }
}
