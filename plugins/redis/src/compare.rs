//! Whether what is in the server now is what was in it before.
//!
//! Clients write meanwhile and the comparison spans a deploy, so no single difference is a loss: langfuse-web deletes keys
//! that do not expire, LiteLLM empties its buffers, and a counter that expired is there without a time to live until its
//! `EXPIRE` follows. What is judged is what clients do not do within minutes:
//!
//! - **Empty**: no key is left of a server that had keys that do not expire.
//! - **Few keys are left** that do not expire: fewer than before, without one for each job that the worker may have
//!   finished, by more than a tenth and more than 50. A client deletes one such key for a project or a buffer at a time,
//!   so dozens; a server with another data set lacks nearly all. Where the worker runs and its jobs could not be
//!   counted, this is not judged.
//! - **The sample**: of keys that do not expire and stood still over the minutes between two looks, more than half are
//!   gone or hold something else, and more than 4. Below that half may be one client's work: a stack at rest has a
//!   handful of them. While the worker runs, as many as there are jobs among those keys may be gone besides.
//! - **Times to live**: of keys in both looks that expired, more than half, and more than 4, do not any more. One client
//!   can do it to one key for a moment; only a wrong data set does it to most.
//!
//! Keys that expire are LiteLLM's cache and counters: they may vanish and change at any time. That no acknowledged write
//! is gone is for the canary to show, and that no job is for the queues.

use crate::look::{Look, Seen};

/// Differences in a sample that are always taken for clients' work.
const FEW: u64 = 4;

/// Keys that do not expire and that clients may always have deleted.
const DELETED: u64 = 50;

/// Who may change keys between the two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// The worker is stopped: jobs are added and none is finished.
    WorkerStopped,
    /// Everybody. So many jobs, each a key that does not expire, may have been finished; none where nobody knows.
    All(Option<u64>),
}

impl Clients {
    /// Returns how many of `lasting` keys may be gone because they were jobs; none where nobody knows.
    const fn finished(self, lasting: u64) -> Option<u64> {
        match self {
            Self::WorkerStopped => Some(0),
            Self::All(Some(jobs)) if jobs < lasting => Some(jobs),
            Self::All(Some(_)) => Some(lasting),
            Self::All(None) => None,
        }
    }
}

/// Returns why the data is not what it was, if it is not.
pub(crate) fn compare(before: &Look, after: &Look, clients: Clients) -> Option<String> {
    empty(before, after)
        .or_else(|| few(before, after, clients))
        .or_else(|| sample(before, after, clients))
}

/// Returns that nothing is left, where something was. Holds however long ago `before` was.
pub(crate) fn empty(before: &Look, after: &Look) -> Option<String> {
    (after.keys == 0 && before.lasting() > 0).then(|| {
        format!("the server is empty; {} keys that do not expire were in it", before.lasting())
    })
}

fn few(before: &Look, after: &Look, clients: Clients) -> Option<String> {
    let finished = clients.finished(before.lasting())?;
    let left = after.lasting().saturating_add(finished);
    let deleted = DELETED.max(before.lasting() / 10);
    (left.saturating_add(deleted) < before.lasting()).then(|| {
        let jobs = if finished == 0 {
            String::new()
        } else {
            format!(", {finished} of which may have been jobs that are done")
        };
        format!(
            "{} keys that do not expire are left of {}{jobs}",
            after.lasting(),
            before.lasting()
        )
    })
}

fn sample(before: &Look, after: &Look, clients: Clients) -> Option<String> {
    // The sample holds the smallest identifiers, so a key above the last one may merely not be in it.
    let last = after.sample.last().map(|seen| seen.id.as_str());
    let all = u64::try_from(after.sample.len()).unwrap_or(u64::MAX) >= after.keys;
    let judged = |old: &&Seen| all || last.is_some_and(|last| old.id.as_str() <= last);
    let now = |old: &Seen| after.sample.iter().find(|new| new.id == old.id);
    let (mut stood, mut differ) = (0, 0);
    let (mut expired, mut last_now) = (0, 0);
    for old in before.sample.iter().filter(judged) {
        match (now(old), old.ttl) {
            (None, Some(_)) => {}
            (Some(new), Some(_)) => {
                expired += 1;
                last_now += u64::from(new.ttl.is_none());
            }
            // What moved between the two looks from before is not held against anybody.
            (_, None) if old.content.is_none() => {}
            // Each job is a hash.
            (None, None) if old.kind == "hash" && clients == Clients::All(None) => {}
            (new, None) => {
                stood += 1;
                differ += u64::from(new != Some(old));
            }
        }
    }
    if last_now > FEW.max(expired / 2) {
        return Some(format!(
            "{last_now} of {expired} keys of the sample that expired do not any more"
        ));
    }
    // As many of those that stood still are jobs as of all.
    let lasting = before.lasting().max(1);
    let jobs = clients.finished(lasting).unwrap_or(0);
    let jobs = u128::from(stood) * u128::from(jobs) / u128::from(lasting);
    let jobs = u64::try_from(jobs).unwrap_or(stood).min(stood);
    let clients = jobs + (stood - jobs) / 2;
    (differ > FEW.max(clients)).then(|| {
        format!(
            "{differ} of {stood} lasting keys of the sample, which had stood still, are gone or hold something else"
        )
    })
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

    fn expiring(keys: usize) -> Look {
        let mut look = look(keys);
        look.expiring = look.keys;
        look.sample.iter_mut().for_each(|seen| seen.ttl = Some(9_000));
        look
    }

    /// A look in which so many of the first keys are gone, with others in their place.
    fn without(gone: usize, keys: usize) -> Look {
        let mut after = look(keys);
        after.sample.drain(..gone);
        after.sample.extend((keys..keys + gone).map(|id| seen(id, None, "new")));
        after
    }

    #[track_caller]
    fn refused(before: &Look, after: &Look, clients: Clients, part: &str) {
        let verdict = compare(before, after, clients).expect("a verdict");
        assert!(verdict.contains(part), "{verdict}");
    }

    #[track_caller]
    fn fine(before: &Look, after: &Look, clients: Clients) {
        assert_eq!(compare(before, after, clients), None);
    }

    #[test]
    fn the_same_data_is_the_same() {
        fine(&look(40), &look(40), Clients::WorkerStopped);
        fine(&Look::default(), &Look::default(), Clients::All(Some(0)));
    }

    #[test]
    fn an_empty_server_is_never_fine() {
        refused(&look(40), &Look::default(), Clients::WorkerStopped, "empty");
        refused(&look(1), &Look::default(), Clients::All(None), "empty");
        fine(&expiring(40), &Look::default(), Clients::WorkerStopped);
    }

    #[test]
    fn keys_that_expire_may_be_gone() {
        let mut before = expiring(100);
        before.sample[0].ttl = None;
        before.expiring = 99;
        fine(&before, &look(1), Clients::WorkerStopped);
    }

    #[test]
    fn clients_delete_lasting_keys_also_while_the_worker_is_stopped() {
        for clients in [Clients::WorkerStopped, Clients::All(Some(0))] {
            fine(&look(40), &without(1, 40), clients);
            fine(&look(40), &without(20, 40), clients);
            refused(&look(40), &without(21, 40), clients, "21 of 40");
        }
        // Everything that a small stack holds may be one client's.
        fine(&look(4), &without(4, 4), Clients::WorkerStopped);
        refused(&look(5), &without(5, 5), Clients::WorkerStopped, "5 of 5");
    }

    #[test]
    fn a_busy_stack_changes_many_values_and_a_foreign_one_has_others() {
        let mut after = look(40);
        after.sample.iter_mut().take(20).for_each(|seen| seen.content = Some("w".to_owned()));
        fine(&look(40), &after, Clients::WorkerStopped);
        after.sample.iter_mut().for_each(|seen| seen.content = Some("w".to_owned()));
        refused(&look(40), &after, Clients::WorkerStopped, "40 of 40");
    }

    #[test]
    fn what_moved_between_the_looks_from_before_is_not_judged() {
        let mut before = look(40);
        before.sample.iter_mut().for_each(|seen| seen.content = None);
        fine(&before, &without(40, 40), Clients::WorkerStopped);
    }

    #[test]
    fn jobs_that_are_done_explain_as_many_keys_as_there_were_jobs() {
        let (before, after) = (look(2_000), look(150));
        fine(&before, &after, Clients::All(Some(1_900)));
        refused(&before, &after, Clients::All(Some(1_000)), "1000 of which may have been jobs");
        refused(&before, &after, Clients::WorkerStopped, "150 keys that do not expire are left");
        fine(&look(200), &without(140, 200), Clients::All(Some(100)));
        refused(&look(200), &without(160, 200), Clients::All(Some(100)), "160 of 200");
    }

    #[test]
    fn jobs_that_could_not_be_counted_are_not_missed() {
        let hashes = |mut look: Look| {
            look.sample.iter_mut().for_each(|seen| seen.kind = "hash".to_owned());
            look
        };
        fine(&hashes(look(2_000)), &hashes(look(3)), Clients::All(None));
        refused(&look(40), &without(30, 40), Clients::All(None), "30 of 40");
    }

    #[test]
    fn a_counter_between_its_increment_and_its_expiry_is_no_loss_and_no_expiry_at_all_is_one() {
        let mut after = expiring(40);
        after.sample[7].ttl = None;
        after.expiring = 39;
        fine(&expiring(40), &after, Clients::All(Some(0)));
        refused(&expiring(40), &look(40), Clients::All(Some(0)), "do not any more");
        let mut gained = look(5);
        gained.sample[0].ttl = Some(9_000);
        fine(&look(5), &gained, Clients::WorkerStopped);
    }

    #[test]
    fn another_type_is_a_difference_like_any_other() {
        let mut after = look(5);
        after.sample[0].kind = "list".to_owned();
        fine(&look(5), &after, Clients::WorkerStopped);
        after.sample.iter_mut().for_each(|seen| seen.kind = "list".to_owned());
        refused(&look(5), &after, Clients::WorkerStopped, "5 of 5");
    }

    #[test]
    fn a_key_beyond_the_end_of_the_new_sample_is_not_judged() {
        let mut after = look(30);
        after.keys = 500;
        fine(&look(40), &after, Clients::WorkerStopped);
    }
}
