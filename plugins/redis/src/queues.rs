//! The depth of BullMQ's queues, which hold Langfuse's unfinished work.
//!
//! Queues are searched for once, when the run begins, and from then on their keys are asked for by name: a `SCAN` that is
//! cut off finds other keys after a restart, because the server hashes them with a new seed.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_sdk::outside::{Redis, whole};
use lockstep_sdk::{Fact, Facts, Failure, Node, Value};

/// The fact that holds the names.
const NAMES: &str = "queue-names";
/// The fact that says whether every key was looked at.
const COMPLETE: &str = "queues-complete";
/// The fact that holds the depths.
const DEPTHS: &str = "queues";

/// States that jobs are in until they are done, and the one in which they wait for a person, each with what counts it.
const STATES: [(&str, &str); 7] = [
    ("wait", "LLEN"),
    ("active", "LLEN"),
    ("paused", "LLEN"),
    ("delayed", "ZCARD"),
    ("prioritized", "ZCARD"),
    ("waiting-children", "ZCARD"),
    ("failed", "ZCARD"),
];

/// Keys that a queue has also while no job is in it.
const SIGNS: [&str; 2] = ["meta", "id"];

/// Rounds of `SCAN` at most, a thousand keys each: the host allows a call of the plugin ten thousand questions, and the
/// queues that are found need some.
const ROUNDS: u32 = 5_000;

/// Queues at most, for the same reason. Langfuse has about forty.
const QUEUES: usize = 400;

/// How many jobs each queue holds in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// The queues that were found.
    names: BTreeSet<String>,
    /// By queue and state, as in `ingestion-queue:wait`; a state without jobs is left out.
    pub(crate) depths: BTreeMap<String, u64>,
    /// Whether every key was looked at when queues were searched for.
    pub(crate) complete: bool,
}

impl Queues {
    /// Finds the queues and counts their jobs.
    pub(crate) fn search<O: Redis>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut cursor = "0".to_owned();
        for _ in 0..ROUNDS {
            let answer = outside
                .command(connection, &["SCAN", &cursor, "MATCH", "bull:*", "COUNT", "1000"])?;
            let texts: Vec<String> = answer.iter().filter_map(as_text).collect();
            let Some((next, keys)) = texts.split_first() else { break };
            found.names.extend(keys.iter().filter_map(|key| queue(key)).map(str::to_owned));
            cursor.clone_from(next);
            if cursor == "0" {
                found.complete = true;
                break;
            }
        }
        while found.names.len() > QUEUES {
            found.names.pop_last();
            found.complete = false;
        }
        found.count(outside, connection)
    }

    /// Counts the jobs of the queues that were found when the run began.
    pub(crate) fn again<O: Redis>(
        outside: &O,
        connection: &str,
        facts: Facts<'_>,
    ) -> Result<Self, Failure> {
        facts.rows(NAMES)?;
        Self { depths: BTreeMap::new(), ..Self::of(facts).unwrap_or_default() }
            .count(outside, connection)
    }

    fn count<O: Redis>(mut self, outside: &O, connection: &str) -> Result<Self, Failure> {
        for name in &self.names {
            for (state, count) in STATES {
                let key = format!("bull:{name}:{state}");
                let depth = match outside.command(connection, &[count, &key]) {
                    Ok(answer) => whole(&answer).unwrap_or(0),
                    // Another program may use the same prefix.
                    Err(failure) if failure.problem().has("redis:wrongtype") => 0,
                    Err(failure) => return Err(failure),
                };
                if depth > 0 {
                    self.depths.insert(format!("{name}:{state}"), depth);
                }
            }
        }
        Ok(self)
    }

    /// Returns how many jobs are still to be done.
    pub(crate) fn waiting(&self) -> u64 {
        self.all().saturating_sub(self.in_states(&["failed"]))
    }

    /// Returns how many jobs a worker would take at once. Delayed ones wait for their time, paused ones for a person.
    pub(crate) fn ready(&self) -> u64 {
        self.in_states(&["wait", "prioritized"])
    }

    /// Returns how many jobs a worker has taken.
    pub(crate) fn active(&self) -> u64 {
        self.in_states(&["active"])
    }

    /// Returns how many jobs there are in all states.
    pub(crate) fn all(&self) -> u64 {
        self.depths.values().sum()
    }

    fn in_states(&self, states: &[&str]) -> u64 {
        let is =
            |name: &str| name.rsplit_once(':').is_some_and(|(_, state)| states.contains(&state));
        self.depths.iter().filter(|(name, _)| is(name)).map(|(_, depth)| depth).sum()
    }

    /// Returns them as facts.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let depth = |(name, depth): (&String, &u64)| vec![name.as_str().into(), (*depth).into()];
        vec![
            Fact::table(NAMES, self.names.iter().map(|name| vec![name.as_str().into()])),
            Fact::one(COMPLETE, self.complete),
            Fact::table(DEPTHS, self.depths.iter().map(depth)),
        ]
    }

    /// Reads them from facts.
    pub(crate) fn of(facts: Facts<'_>) -> Option<Self> {
        let depth =
            |row: &Vec<Value>| Some((row.first()?.as_text()?.to_owned(), row.get(1)?.as_count()?));
        let name = |row: &Vec<Value>| Some(row.first()?.as_text()?.to_owned());
        Some(Self {
            names: facts.rows(NAMES).ok()?.iter().filter_map(name).collect(),
            depths: facts.rows(DEPTHS).ok()?.iter().filter_map(depth).collect(),
            complete: facts.rows(COMPLETE).ok()?.first()?.first()?.as_truth()?,
        })
    }
}

fn as_text(node: &Node) -> Option<String> {
    if let Node::Text(bytes) = node {
        Some(String::from_utf8_lossy(bytes).into_owned())
    } else {
        None
    }
}

/// Returns the queue that a key shows to exist.
fn queue(key: &str) -> Option<&str> {
    let (queue, last) = key.strip_prefix("bull:")?.rsplit_once(':')?;
    let shows = SIGNS.contains(&last) || STATES.iter().any(|(state, _)| *state == last);
    shows.then_some(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_every_queue_has_show_one() {
        assert_eq!(queue("bull:ingestion-queue:wait"), Some("ingestion-queue"));
        assert_eq!(queue("bull:ingestion-queue:meta"), Some("ingestion-queue"));
        assert_eq!(queue("bull:{a}:b:delayed"), Some("{a}:b"));
        for other in ["bull:ingestion-queue:17", "litellm:wait", "bull:wait"] {
            assert_eq!(queue(other), None, "{other}");
        }
    }

    #[test]
    fn failed_jobs_are_kept_but_do_not_wait() {
        let depths =
            [("a:wait", 3), ("a:failed", 2), ("a:b:active", 1), ("a:delayed", 7)].map(own).into();
        let queues = Queues { names: ["a".to_owned()].into(), depths, complete: true };
        assert_eq!((queues.waiting(), queues.all()), (11, 13));
        assert_eq!((queues.ready(), queues.active()), (3, 1));
        assert_eq!(Queues::of(Facts(&queues.facts())), Some(queues));
    }

    fn own((name, depth): (&str, u64)) -> (String, u64) {
        (name.to_owned(), depth)
    }
}
