//! One look at all keys, as it is recorded, and which keys of two looks stood still.

use lockstep_sdk::outside::Redis;
use lockstep_sdk::{Fact, Facts, Failure, Print, Value};

/// Keys in a sample. With identifiers and contents of 32 characters each they take three quarters of what one call may
/// record.
const SAMPLE: u32 = 350;

/// What the names of facts begin with that hold the look from before the first change.
pub(crate) const FIRST: &str = "first-";

/// One key of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// A hash of its name.
    pub(crate) id: String,
    /// Its type.
    pub(crate) kind: String,
    /// What was left of its time to live.
    pub(crate) ttl: Option<u64>,
    /// A hash of its value; none if that changed between two looks.
    pub(crate) content: Option<String>,
}

/// What was in the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Keys in all databases.
    pub(crate) keys: u64,
    /// Keys among them that expire.
    pub(crate) expiring: u64,
    /// A sample, sorted by `id`, chosen in the same way each time.
    pub(crate) sample: Vec<Seen>,
}

impl Look {
    /// Takes a look.
    pub(crate) fn take<O: Redis>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let found = outside.keyspace(connection, SAMPLE, false)?;
        let seen = |print: Print| Seen {
            id: print.id,
            kind: print.kind,
            ttl: print.ttl,
            content: Some(print.content),
        };
        Ok(Self {
            keys: found.keys,
            expiring: found.expiring,
            sample: found.sample.into_iter().map(seen).collect(),
        })
    }

    /// Returns keys that do not expire.
    pub(crate) const fn lasting(&self) -> u64 {
        self.keys.saturating_sub(self.expiring)
    }

    /// Returns this look with what did not stand still since `earlier` taken out: keys that came or changed their type
    /// are left out, contents that changed are forgotten.
    pub(crate) fn steady_since(mut self, earlier: &Self) -> Self {
        self.sample.retain_mut(|seen| {
            let Some(before) = earlier
                .sample
                .iter()
                .find(|before| before.id == seen.id && before.kind == seen.kind)
            else {
                return false;
            };
            if before.content != seen.content || before.ttl.is_some() != seen.ttl.is_some() {
                seen.content = None;
            }
            true
        });
        self
    }

    /// Returns it as facts, their names after `prefix`. Contents of keys that expire are of no use and left out.
    pub(crate) fn facts(&self, prefix: &str) -> Vec<Fact> {
        let row = |seen: &Seen| {
            vec![
                seen.id.as_str().into(),
                seen.kind.as_str().into(),
                seen.ttl.into(),
                seen.content.clone().filter(|_| seen.ttl.is_none()).into(),
            ]
        };
        vec![
            Fact::one(&format!("{prefix}keys"), self.keys),
            Fact::one(&format!("{prefix}expiring"), self.expiring),
            Fact::table(&format!("{prefix}sample"), self.sample.iter().map(row)),
        ]
    }

    /// Reads it from facts whose names follow `prefix`.
    pub(crate) fn of(facts: Facts<'_>, prefix: &str) -> Option<Self> {
        let row = |row: &Vec<Value>| {
            Some(Seen {
                id: row.first()?.as_text()?.to_owned(),
                kind: row.get(1)?.as_text()?.to_owned(),
                ttl: row.get(2)?.as_count(),
                content: row.get(3)?.as_text().map(str::to_owned),
            })
        };
        Some(Self {
            keys: facts.maybe_count(&format!("{prefix}keys"))?,
            expiring: facts.maybe_count(&format!("{prefix}expiring"))?,
            sample: facts.rows(&format!("{prefix}sample")).ok()?.iter().filter_map(row).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: &str, kind: &str, content: &str) -> Seen {
        Seen {
            id: id.to_owned(),
            kind: kind.to_owned(),
            ttl: None,
            content: Some(content.to_owned()),
        }
    }

    #[test]
    fn what_moves_between_two_looks_is_not_held_against_anybody() {
        let earlier = Look {
            sample: vec![seen("a", "string", "1"), seen("b", "list", "1"), seen("c", "set", "1")],
            ..Look::default()
        };
        let later = Look {
            sample: vec![
                seen("a", "string", "1"),
                seen("b", "list", "2"),
                seen("c", "hash", "1"),
                seen("d", "set", "1"),
            ],
            ..Look::default()
        };
        let steady = later.steady_since(&earlier);
        let kept: Vec<_> =
            steady.sample.iter().map(|seen| (seen.id.as_str(), seen.content.is_some())).collect();
        assert_eq!(kept, [("a", true), ("b", false)]);
    }

    #[test]
    fn a_look_survives_being_recorded() {
        let mut look = Look {
            keys: 9,
            expiring: 2,
            sample: vec![seen("a", "string", "1"), seen("b", "list", "2")],
        };
        look.sample[0].ttl = Some(5_000);
        let facts = look.facts(FIRST);
        look.sample[0].content = None;
        assert_eq!(Look::of(Facts(&facts), FIRST), Some(look));
        assert_eq!(Look::of(Facts(&facts), ""), None);
    }
}
