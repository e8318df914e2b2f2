//! Which index is built next.

use std::collections::VecDeque;

use lockstep_engine::model;

/// An index to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    /// Its table as SQL.
    pub(super) table: String,
    /// Whether rows are told apart by it.
    pub(super) is_key: bool,
    /// What is sent.
    pub(super) script: String,
}

/// What other sessions may do for one that has no key to build.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// It builds this.
    Build(Build),
    /// It looks again: keys are waited for, or being built.
    Wait,
    /// There is nothing to do any more.
    Nothing,
}

/// What is left to be built, the largest first.
///
/// Where keys are wanted, other indexes of tables that have theirs are built as long as keys have to wait for rows: the server
/// has something to do then. Who follows with changes to such a table waits meanwhile, as it does for a key.
#[derive(Debug)]
pub(super) struct Queue {
    which: model::Indexes,
    left: VecDeque<Build>,
    /// The tables whose keys are being built.
    under_way: Vec<String>,
}

impl Queue {
    pub(super) fn new(which: model::Indexes, left: Vec<Build>) -> Self {
        Self { which, left: left.into(), under_way: Vec::new() }
    }

    /// Returns how many are built in any case.
    pub(super) fn wanted(&self) -> usize {
        self.left.iter().filter(|build| self.is_wanted(build)).count()
    }

    fn is_wanted(&self, build: &Build) -> bool {
        match self.which {
            model::Indexes::Keys => build.is_key,
            model::Indexes::Others => true,
        }
    }

    /// Returns the tables of the keys that are not begun.
    pub(super) fn without_keys(&self) -> Vec<String> {
        self.left.iter().filter(|build| build.is_key).map(|build| build.table.clone()).collect()
    }

    /// Takes a key of a table that is not begun.
    pub(super) fn key_of(&mut self, table: &str) -> Option<Build> {
        let key = self.take(|build| build.is_key && build.table == table)?;
        self.under_way.push(key.table.clone());
        Some(key)
    }

    /// Takes an index that is no key.
    pub(super) fn other(&mut self) -> Other {
        let without = self.without_keys();
        let waits = !without.is_empty() || !self.under_way.is_empty();
        if self.which == model::Indexes::Keys && !waits {
            return Other::Nothing;
        }
        let under_way = self.under_way.clone();
        let has_its_keys = |build: &Build| {
            !build.is_key && !without.contains(&build.table) && !under_way.contains(&build.table)
        };
        match self.take(has_its_keys) {
            Some(build) => Other::Build(build),
            None if waits => Other::Wait,
            None => Other::Nothing,
        }
    }

    /// Notes that it is built, and returns whether it was to be built in any case.
    pub(super) fn built(&mut self, build: &Build) -> bool {
        let place = self.under_way.iter().position(|table| build.is_key && *table == build.table);
        if let Some(place) = place {
            self.under_way.remove(place);
        }
        self.is_wanted(build)
    }

    fn take(&mut self, which: impl FnMut(&Build) -> bool) -> Option<Build> {
        self.left.remove(self.left.iter().position(which)?)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::Indexes;

    use super::*;

    fn build(table: &str, is_key: bool, script: &str) -> Build {
        Build { table: table.to_owned(), is_key, script: script.to_owned() }
    }

    #[test]
    fn other_indexes_are_built_over_a_table_that_has_its_keys_until_the_last_key_is_built() {
        let [a, b] = [build("a", true, "a"), build("b", true, "b")];
        let [over_a, over_b] = [build("a", false, "over a"), build("b", false, "over b")];
        let left = [&over_a, &a, &over_b, &b].map(Clone::clone).to_vec();
        let mut queue = Queue::new(Indexes::Keys, left);
        assert_eq!((queue.wanted(), queue.without_keys()), (2, vec!["a".into(), "b".into()]));
        assert_eq!(queue.other(), Other::Wait);
        assert_eq!(queue.key_of("a"), Some(a.clone()));
        assert_eq!(queue.key_of("a"), None);
        assert_eq!(queue.other(), Other::Wait);
        assert!(queue.built(&a));
        assert_eq!(queue.other(), Other::Build(over_a.clone()));
        assert!(!queue.built(&over_a));
        assert_eq!(queue.key_of("b"), Some(b.clone()));
        assert_eq!(queue.other(), Other::Wait);
        assert!(queue.built(&b));
        assert_eq!(queue.other(), Other::Nothing);
    }

    #[test]
    fn where_no_keys_are_wanted_everything_is_built() {
        let over = build("a", false, "over a");
        let mut queue = Queue::new(Indexes::Others, vec![over.clone()]);
        assert_eq!(queue.wanted(), 1);
        assert_eq!(queue.other(), Other::Build(over.clone()));
        assert!(queue.built(&over));
        assert_eq!(queue.other(), Other::Nothing);
    }
}
