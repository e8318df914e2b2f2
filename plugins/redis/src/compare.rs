//! Whether what is in the server now is what was in it before.
//!
//! Clients write meanwhile, so not every difference is a loss. The rules, each for keys that stood still in two looks right
//! before the change:
//!
//! - **Certain** losses fail at once: an empty server that had keys; fewer keys than before without those that may have
//!   expired; a key of another type; a key with the same value whose time to live came or went; and, while the worker is
//!   stopped, a key without a time to live that is gone.
//! - **Possible** losses are what a client can do too: another value, or (while the worker runs) a key that is gone. They
//!   are counted among the keys without a time to live. Hashes that are gone are not counted while the worker runs: each job
//!   is one, and a finished job is removed. Up to a tenth of these, and three in any case, are taken for clients'
//!   work. A server that came up with old or foreign data differs in nearly all of them.
//! - Keys that expire are LiteLLM's cache and counters: they may vanish and change at any time.

use crate::look::{Look, Seen};

/// Who may change keys between the two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// The worker is stopped: jobs are added and none is finished.
    WorkerStopped,
    /// Everybody.
    All,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What no client explains.
    pub(crate) certain: Vec<String>,
    /// Keys that clients may have changed.
    pub(crate) possible: u64,
    /// Keys that could have shown such a change.
    pub(crate) judged: u64,
}

impl Difference {
    /// Returns why the data is not what it was, if it is not.
    pub(crate) fn verdict(&self) -> Option<String> {
        /// Differences that are always taken for clients' work.
        const ALWAYS: u64 = 3;
        if let Some(first) = self.certain.first() {
            let more = self.certain.len().saturating_sub(1);
            return Some(if more == 0 {
                first.clone()
            } else {
                format!("{first} (and {more} more)")
            });
        }
        (self.possible > ALWAYS.max(self.judged.div_ceil(10))).then(|| {
            format!(
                "{} of {} lasting keys of the sample are gone or hold another value",
                self.possible, self.judged
            )
        })
    }
}

/// Compares two looks.
pub(crate) fn compare(before: &Look, after: &Look, clients: Clients) -> Difference {
    let mut found = Difference::default();
    if after.keys == 0 && before.lasting() > 0 {
        found.certain.push(format!(
            "the server is empty; {} keys that do not expire were in it",
            before.lasting()
        ));
        return found;
    }
    // While the worker runs it finishes jobs, each a key that does not expire.
    if clients == Clients::WorkerStopped && after.keys < before.lasting() {
        found.certain.push(format!(
            "{} keys are left of {}, of which at most {} can have expired",
            after.keys, before.keys, before.expiring
        ));
    }
    // The sample holds the smallest identifiers, so a key above the last one may merely not be in it.
    let last = after.sample.last().map(|seen| seen.id.as_str());
    let all = u64::try_from(after.sample.len()).unwrap_or(u64::MAX) >= after.keys;
    for old in &before.sample {
        if !all && last.is_none_or(|last| old.id.as_str() > last) {
            continue;
        }
        match after.sample.iter().find(|new| new.id == old.id) {
            Some(new) => changed(old, new, &mut found),
            None => gone(old, clients, &mut found),
        }
    }
    found
}

fn changed(old: &Seen, new: &Seen, found: &mut Difference) {
    let same = old.content.is_some() && old.content == new.content;
    if old.kind != new.kind {
        found.certain.push(format!("a key was a {} and is a {}", old.kind, new.kind));
    } else if same && old.ttl.is_some() != new.ttl.is_some() {
        let how = if old.ttl.is_some() { "lost" } else { "gained" };
        found.certain.push(format!("a {} with the same value {how} its time to live", old.kind));
    }
    if old.ttl.is_none() && old.content.is_some() {
        found.judged += 1;
        found.possible += u64::from(!same);
    }
}

fn gone(old: &Seen, clients: Clients, found: &mut Difference) {
    if old.ttl.is_some() {
        return;
    }
    match clients {
        // A list that is emptied vanishes, and the web may pause or drain one; a value that moved is not held against it.
        Clients::WorkerStopped if old.content.is_some() => {
            found.certain.push(format!("a {} that does not expire is gone", old.kind));
        }
        Clients::All if old.kind == "hash" => {}
        Clients::WorkerStopped | Clients::All => {
            found.judged += 1;
            found.possible += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: usize, ttl: Option<u64>, content: &str) -> Seen {
        Seen {
            id: format!("{id:04}"),
            kind: "string".to_owned(),
            ttl,
            content: Some(content.to_owned()),
        }
    }

    fn look(keys: usize) -> Look {
        Look {
            keys: keys as u64,
            expiring: 0,
            sample: (0..keys).map(|id| seen(id, None, "v")).collect(),
        }
    }

    #[track_caller]
    fn refused(before: &Look, after: &Look, clients: Clients, part: &str) {
        let verdict = compare(before, after, clients).verdict().expect("a verdict");
        assert!(verdict.contains(part), "{verdict}");
    }

    #[test]
    fn the_same_data_is_the_same() {
        assert_eq!(compare(&look(40), &look(40), Clients::WorkerStopped).verdict(), None);
        assert_eq!(compare(&Look::default(), &Look::default(), Clients::All).verdict(), None);
    }

    #[test]
    fn an_empty_server_is_never_fine() {
        refused(&look(40), &Look::default(), Clients::WorkerStopped, "empty");
        refused(&look(1), &Look::default(), Clients::All, "empty");
    }

    #[test]
    fn keys_that_expire_may_be_gone() {
        let mut before = look(10);
        before.expiring = 9;
        for seen in before.sample.iter_mut().skip(1) {
            seen.ttl = Some(1_000);
        }
        assert_eq!(compare(&before, &look(1), Clients::WorkerStopped).verdict(), None);
    }

    #[test]
    fn a_lasting_key_that_is_gone_counts_by_who_may_remove_it() {
        let mut after = look(40);
        after.sample.remove(7);
        after.keys = 40;
        after.sample.push(seen(99, None, "new"));
        refused(&look(40), &after, Clients::WorkerStopped, "is gone");
        assert_eq!(compare(&look(40), &after, Clients::All).verdict(), None);
    }

    #[test]
    fn a_few_changed_values_are_clients_and_many_are_not() {
        let mut after = look(40);
        for seen in after.sample.iter_mut().take(4) {
            seen.content = Some("w".to_owned());
        }
        assert_eq!(compare(&look(40), &after, Clients::WorkerStopped).verdict(), None);
        for seen in &mut after.sample {
            seen.content = Some("w".to_owned());
        }
        refused(&look(40), &after, Clients::WorkerStopped, "40 of 40");
    }

    #[test]
    fn a_time_to_live_is_neither_lost_nor_gained() {
        let mut after = look(5);
        after.sample[2].ttl = Some(9_000);
        refused(&look(5), &after, Clients::All, "gained");
        refused(&after, &look(5), Clients::All, "lost");
    }

    #[test]
    fn another_type_is_never_fine() {
        let mut after = look(5);
        after.sample[0].kind = "list".to_owned();
        refused(&look(5), &after, Clients::All, "was a string and is a list");
    }

    #[test]
    fn a_key_beyond_the_end_of_the_new_sample_is_not_judged() {
        let mut after = look(30);
        after.keys = 500;
        assert_eq!(compare(&look(40), &after, Clients::WorkerStopped).verdict(), None);
    }
}
