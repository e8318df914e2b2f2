//! The depth of BullMQ's queues, which hold Langfuse's unfinished work.

use std::collections::BTreeMap;

use lockstep_sdk::outside::{Redis, text, whole};
use lockstep_sdk::{Fact, Facts, Failure, Node, Value};

/// The fact that holds the depths.
const FACT: &str = "queues";
/// States that jobs are in until they are done, and the one in which they wait for a person.
const STATES: [&str; 6] = ["wait", "active", "paused", "delayed", "prioritized", "failed"];
/// Rounds of `SCAN` at most, so that a server with millions of cache keys is not walked to its end.
const ROUNDS: u32 = 200;

/// How many jobs each queue holds in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// By queue and state, as in `ingestion-queue:wait`.
    pub(crate) depths: BTreeMap<String, u64>,
    /// Whether every key was looked at when queues were searched for.
    pub(crate) complete: bool,
}

impl Queues {
    /// Finds the queues and counts their jobs.
    pub(crate) fn read<O: Redis>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut names = BTreeMap::new();
        let mut cursor = "0".to_owned();
        for _ in 0..ROUNDS {
            let answer = outside
                .command(connection, &["SCAN", &cursor, "MATCH", "bull:*", "COUNT", "1000"])?;
            let texts: Vec<String> = answer.iter().filter_map(as_text).collect();
            let Some((next, keys)) = texts.split_first() else { break };
            for key in keys {
                if let Some((queue, state)) = queue(key) {
                    names.insert(format!("{queue}:{state}"), key.clone());
                }
            }
            cursor.clone_from(next);
            if cursor == "0" {
                found.complete = true;
                break;
            }
        }
        for (name, key) in names {
            // Asked for, because counting a key of another type is an error and another program may use the same prefix.
            let count = match text(&outside.command(connection, &["TYPE", &key])?).as_deref() {
                Some("list") => "LLEN",
                Some("zset") => "ZCARD",
                Some(_) | None => continue,
            };
            found
                .depths
                .insert(name, whole(&outside.command(connection, &[count, &key])?).unwrap_or(0));
        }
        Ok(found)
    }

    /// Returns how many jobs are still to be done.
    pub(crate) fn waiting(&self) -> u64 {
        let unfinished = |name: &str| !name.ends_with(":failed");
        self.depths.iter().filter(|(name, _)| unfinished(name)).map(|(_, depth)| depth).sum()
    }

    /// Returns how many jobs there are in all states.
    pub(crate) fn all(&self) -> u64 {
        self.depths.values().sum()
    }

    /// Returns them as a fact.
    pub(crate) fn fact(&self) -> Fact {
        Fact::table(
            FACT,
            self.depths.iter().map(|(name, depth)| vec![name.as_str().into(), (*depth).into()]),
        )
    }

    /// Reads them from a fact.
    pub(crate) fn of(facts: Facts<'_>) -> Option<Self> {
        let row =
            |row: &Vec<Value>| Some((row.first()?.as_text()?.to_owned(), row.get(1)?.as_count()?));
        let depths = facts.rows(FACT).ok()?.iter().filter_map(row).collect();
        Some(Self { depths, complete: true })
    }
}

fn as_text(node: &Node) -> Option<String> {
    if let Node::Text(bytes) = node {
        Some(String::from_utf8_lossy(bytes).into_owned())
    } else {
        None
    }
}

/// Takes a key apart into queue and state, if it is one that counts jobs.
fn queue(key: &str) -> Option<(&str, &str)> {
    let (queue, state) = key.strip_prefix("bull:")?.rsplit_once(':')?;
    STATES.contains(&state).then_some((queue, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_count_jobs_are_queues() {
        assert_eq!(queue("bull:ingestion-queue:wait"), Some(("ingestion-queue", "wait")));
        assert_eq!(queue("bull:{a}:b:delayed"), Some(("{a}:b", "delayed")));
        for other in
            ["bull:ingestion-queue:meta", "bull:ingestion-queue:17", "litellm:wait", "bull:wait"]
        {
            assert_eq!(queue(other), None, "{other}");
        }
    }

    #[test]
    fn failed_jobs_are_kept_but_do_not_wait() {
        let depths = [("a:wait".to_owned(), 3), ("a:failed".to_owned(), 2)].into();
        let queues = Queues { depths, complete: true };
        assert_eq!((queues.waiting(), queues.all()), (3, 5));
        assert_eq!(Queues::of(Facts(&[queues.fact()])), Some(queues));
    }
}
