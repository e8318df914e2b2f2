//! One stretch of a table: its sums, and row by row where they differ.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{TryStreamExt as _, future};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Error};

use super::seen::Seen;
use super::table::{Range, Table};

/// How long a row may differ before the right is taken to be wrong: it may be behind.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a row must have been seen before it is taken to be on the move.
const LOOKS: u32 = 5;

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// What a comparison of two of the same thing failed with, and at which of them.
pub(super) enum Side {
    Left(Error),
    Right(Error),
}

/// Two sessions that are compared.
pub(super) struct Pair<'a> {
    pub(super) left: &'a Client,
    pub(super) right: &'a Client,
    /// Whether both stand still.
    pub(super) still: bool,
    /// What the snapshots saw at which they were to be compared, and which are gone.
    pub(super) seen: Option<&'a [Seen; 2]>,
}

/// What came of one stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// How many rows the left has.
    pub(super) rows: u64,
    /// How many of them changed at each look.
    pub(super) moving: u64,
    /// How many rows are not the same.
    pub(super) differ: u64,
}

type Sums = (i64, String, String);
type Hash = (i64, i64);

/// A row that differed at every look so far.
struct Suspect {
    left: Option<Hash>,
    /// Whether the left changed it between two looks, each time.
    moving: bool,
}

impl Pair<'_> {
    /// Compares a stretch.
    pub(super) async fn compare(&self, table: &Table, range: &Range) -> Result<Came, Side> {
        if let Some(seen) = self.seen {
            return self.compare_unchanged(table, range, seen).await;
        }
        let query = table.sums(range, None);
        let mut came = Came::default();
        let began = Instant::now();
        let mut before: Option<Sums> = None;
        for look in 0.. {
            let (left, right) = future::try_join(
                async { sums(self.left, &query, range).await.map_err(Side::Left) },
                async { sums(self.right, &query, range).await.map_err(Side::Right) },
            )
            .await?;
            came.rows = u64::try_from(left.0).unwrap_or_default();
            if left == right {
                return Ok(came);
            }
            if table.has_key() {
                return self.row_by_row(table, range, came, began).await;
            }
            // Rows without a key can only be looked at all together.
            let moved = before.as_ref().is_some_and(|before| *before != left);
            if self.still || (look >= LOOKS && began.elapsed() > PATIENCE) {
                let rows = came.rows.max(u64::try_from(right.0).unwrap_or_default());
                let (moving, differ) = if moved && !self.still { (rows, 0) } else { (0, rows) };
                return Ok(Came { moving, differ, ..came });
            }
            before = Some(left);
            sleep(pause(look)).await;
        }
        Ok(came)
    }

    async fn row_by_row(
        &self,
        table: &Table,
        range: &Range,
        came: Came,
        began: Instant,
    ) -> Result<Came, Side> {
        let query = table.keys(range, None);
        let mut suspects: Option<BTreeMap<String, Suspect>> = None;
        for look in 0.. {
            let (left, right) = future::try_join(
                async { keys(self.left, &query, range).await.map_err(Side::Left) },
                async { keys(self.right, &query, range).await.map_err(Side::Right) },
            )
            .await?;
            let found = match suspects.take() {
                None => first_suspects(&left, &right),
                Some(before) => still_suspect(before, &left, &right),
            };
            let late = look >= LOOKS && began.elapsed() > PATIENCE;
            // Once only rows are left that the writers change all the while, more looks tell nothing.
            let only_moving = look >= LOOKS && found.values().all(|suspect| suspect.moving);
            if found.is_empty() || self.still || late || only_moving {
                let is_moving = |suspect: &&Suspect| suspect.moving && !self.still && look > 0;
                let moving = found.values().filter(is_moving).count() as u64;
                return Ok(Came { moving, differ: found.len() as u64 - moving, ..came });
            }
            suspects = Some(found);
            sleep(pause(look)).await;
        }
        Ok(came)
    }
}

impl Pair<'_> {
    /// Compares the rows that both snapshots saw and nobody has written since. A row that is only on one side then was written
    /// since at the other, if there is one with its key; if there is none, it may be lost.
    async fn compare_unchanged(
        &self,
        table: &Table,
        range: &Range,
        [left, right]: &[Seen; 2],
    ) -> Result<Came, Side> {
        let (left, right) = (left.unchanged(), right.unchanged());
        let [of_left, of_right] = [&left, &right].map(|only| table.sums(range, Some(only)));
        let (one, other) = future::try_join(
            async { sums(self.left, &of_left, range).await.map_err(Side::Left) },
            async { sums(self.right, &of_right, range).await.map_err(Side::Right) },
        )
        .await?;
        let mut came = Came { rows: u64::try_from(one.0).unwrap_or_default(), ..Came::default() };
        if one == other {
            return Ok(came);
        }
        if !table.has_key() {
            came.differ = came.rows.max(u64::try_from(other.0).unwrap_or_default());
            return Ok(came);
        }
        let [of_left, of_right] = [&left, &right].map(|only| table.keys(range, Some(only)));
        let (one, other) = future::try_join(
            async { keys(self.left, &of_left, range).await.map_err(Side::Left) },
            async { keys(self.right, &of_right, range).await.map_err(Side::Right) },
        )
        .await?;
        let only_in = |these: &BTreeMap<String, Hash>, those: &BTreeMap<String, Hash>| {
            these.keys().filter(|key| !those.contains_key(*key)).cloned().collect::<Vec<_>>()
        };
        let (only_left, only_right) = (only_in(&one, &other), only_in(&other, &one));
        let alone = (only_left.len() + only_right.len()) as u64;
        let (at_right, at_left) = future::try_join(
            async { present(self.right, table, range, &only_left).await.map_err(Side::Right) },
            async { present(self.left, table, range, &only_right).await.map_err(Side::Left) },
        )
        .await?;
        let both = one.iter().filter(|(key, hash)| other.get(*key).is_some_and(|it| it != *hash));
        came.moving = at_right + at_left;
        came.differ = both.count() as u64 + alone - came.moving;
        Ok(came)
    }
}

fn first_suspects(
    left: &BTreeMap<String, Hash>,
    right: &BTreeMap<String, Hash>,
) -> BTreeMap<String, Suspect> {
    let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
    keys.filter(|key| left.get(*key) != right.get(*key))
        .map(|key| (key.clone(), Suspect { left: left.get(key).copied(), moving: true }))
        .collect()
}

/// A row that was equal once is not suspected again: what is written afterwards is no fault.
fn still_suspect(
    before: BTreeMap<String, Suspect>,
    left: &BTreeMap<String, Hash>,
    right: &BTreeMap<String, Hash>,
) -> BTreeMap<String, Suspect> {
    let differs = |key: &String| left.get(key) != right.get(key);
    before
        .into_iter()
        .filter(|(key, _)| differs(key))
        .map(|(key, suspect)| {
            let now = left.get(&key).copied();
            let moving = suspect.moving && now != suspect.left;
            (key, Suspect { left: now, moving })
        })
        .collect()
}

fn pause(look: u32) -> Duration {
    (Duration::from_millis(100) * 2_u32.pow(look.min(6))).min(PAUSE)
}

async fn sums(client: &Client, query: &str, range: &Range) -> Result<Sums, Error> {
    let row = client.query_one(query, &range.parameters()).await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

async fn keys(
    client: &Client,
    query: &str,
    range: &Range,
) -> Result<BTreeMap<String, Hash>, Error> {
    let rows = client.query_raw(query, range.parameters()).await?;
    let key = |row: tokio_postgres::Row| async move {
        Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))
    };
    rows.and_then(key).try_collect().await
}

/// Returns how many of these keys a range has rows of.
async fn present(
    client: &Client,
    table: &Table,
    range: &Range,
    keys: &[String],
) -> Result<u64, Error> {
    if keys.is_empty() {
        return Ok(0);
    }
    let mut parameters = range.parameters();
    parameters.push(&keys);
    Ok(client.query(&table.present(range), &parameters).await?.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(&str, i64)]) -> BTreeMap<String, Hash> {
        rows.iter().map(|(key, hash)| ((*key).to_owned(), (*hash, 0))).collect()
    }

    #[test]
    fn a_row_that_was_equal_once_is_not_suspected_again() {
        let first = first_suspects(&rows(&[("a", 1), ("b", 1)]), &rows(&[("b", 2), ("c", 1)]));
        assert_eq!(first.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        let left = rows(&[("a", 1), ("b", 3), ("c", 1), ("new", 1)]);
        let second = still_suspect(first, &left, &rows(&[("a", 1), ("b", 1)]));
        assert_eq!(second.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert!(second["b"].moving && second["c"].moving);
        let third = still_suspect(second, &left, &rows(&[("b", 1)]));
        assert!(!third["b"].moving, "the left let it stand, and it still differs");
    }
}
