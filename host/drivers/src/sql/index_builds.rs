//! Building indexes in several sessions at once: it is most of the work that is left when the rows are there.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use futures_util::future::join_all;
use lockstep_engine::model::Failure;

use super::effect::called;
use super::fence::terminate;
use super::session::{self, Databases, failure};
use crate::order::Order;
use crate::railway::Deadline;

/// How many sessions build at once, as many as `pgcopydb` takes by itself.
const AT_ONCE: usize = 4;

/// Memory for each of them, enough for two more workers to sort beside it; more where the server is set so. And a server that
/// finds that nobody listens any more stops building.
const PREPARE: &str = "\
    SELECT pg_catalog.set_config('maintenance_work_mem', '128MB', false) \
      WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) < 134217728; \
    SELECT pg_catalog.set_config(name, '1s', false) FROM pg_catalog.pg_settings \
      WHERE name = 'client_connection_check_interval'";

/// The catalogue in which indexes are.
const CLASSES: u32 = 1259;

/// Every index of users that no constraint owns, with the size of its table.
const INDEXES: &str = "\
    SELECT c.oid, n.nspname::text, c.relname::text, pg_catalog.pg_table_size(i.indrelid) \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast' AND c.relkind = 'i' \
    AND i.indisvalid AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid \
      AND k.conrelid = i.indrelid AND k.contype <> 'f')";

/// The indexes of a database that can be built beside each other, by their numbers.
pub(super) type Builds = BTreeMap<u32, Build>;

/// What is to be known of an index before it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Build {
    /// How many bytes its table has.
    pub(super) bytes: i64,
    /// Whether the copy has one of this name.
    pub(super) is_there: bool,
}

/// Returns the index of an entry, which its catalogue and number in it tell.
pub(super) fn find(builds: &Builds, numbers: Option<(u32, u32)>) -> Option<Build> {
    numbers
        .filter(|(catalogue, _)| *catalogue == CLASSES)
        .and_then(|(_, it)| builds.get(&it).copied())
}

/// Deals out what is to be built to at most [`AT_ONCE`] sessions: the largest first, each to the one that has least to do.
pub(super) fn groups<'a>(
    entries: &[&'a str],
    build: impl Fn(&str) -> Option<Build>,
) -> Vec<Vec<&'a str>> {
    let missing = entries.iter().filter_map(|line| Some((*line, build(line)?)));
    let mut missing: Vec<_> = missing.filter(|(_, build)| !build.is_there).collect();
    missing.sort_by_key(|(_, build)| Reverse(build.bytes));
    let mut groups: Vec<(i64, Vec<&str>)> = vec![(0, Vec::new()); AT_ONCE];
    for (line, build) in missing {
        if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            // Even an empty table costs something.
            *bytes = bytes.saturating_add(build.bytes.max(8192));
            group.push(line);
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|group| !group.is_empty()).collect()
}

impl Databases {
    /// Returns the indexes of `source` that can be built beside each other in `target`.
    pub(super) async fn builds(&self, source: &str, target: &str) -> Result<Builds, Failure> {
        let there = self.indexes(target).await?;
        let is_there = |name: &(String, String)| there.iter().any(|(_, it, _)| it == name);
        let here = self.indexes(source).await?.into_iter();
        Ok(here
            .map(|(number, name, bytes)| (number, Build { bytes, is_there: is_there(&name) }))
            .collect())
    }

    async fn indexes(&self, name: &str) -> Result<Vec<(u32, (String, String), i64)>, Failure> {
        let session = self.open(name, "lockstep:copy-schema").await?;
        let failed = |error: tokio_postgres::Error| self.redactor.failure(failure(name, &error));
        let rows = session.client.query(INDEXES, &[]).await.map_err(failed)?;
        let index = |row: &tokio_postgres::Row| {
            Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?), row.try_get(3)?))
        };
        rows.iter().map(index).collect::<Result<_, _>>().map_err(failed)
    }

    /// Builds indexes in sessions beside each other, each in a transaction of its own: whoever waits for a lock holds none that
    /// others wait for. Returns when nothing of it is under way any more.
    pub(super) async fn build_indexes(
        &self,
        order: &Order<'_>,
        name: &str,
        sessions: &[Vec<String>],
        deadline: Deadline<'_>,
    ) -> Result<(), Failure> {
        let build = async |scripts: &Vec<String>| {
            let session = self.open(name, &called(order)).await?;
            let failed = |error: tokio_postgres::Error| failure(name, &error);
            session.client.batch_execute(PREPARE).await.map_err(failed)?;
            for script in scripts {
                deadline.check()?;
                session.client.batch_execute(script).await.map_err(failed)?;
            }
            Ok(())
        };
        join_all(sessions.iter().map(build)).await.into_iter().collect()
    }

    /// Ends what is left of such sessions at the server: one whose connection broke may go on building, and be in the next one's way.
    pub(super) async fn end_builds(&self, order: &Order<'_>, name: &str) {
        let ended = async {
            let session = self.open(name, "lockstep:copy-schema").await?;
            terminate(&session.client, name, &session::called(&called(order))).await
        };
        if let Err(failure) = ended.await {
            tracing::warn!(connection = name, %failure, "sessions that build indexes may still go on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_about_as_much_to_do_each() {
        let bytes = |line: &str| line.parse().ok();
        let build = |line: &str| Some(Build { bytes: bytes(line)?, is_there: line == "7777777" });
        let entries = ["900000", "20000", "7777777", "500000", "400000", "30000", "800000"];
        let groups = groups(&entries, build);
        assert_eq!(
            groups,
            [vec!["900000"], vec!["800000"], vec!["500000"], vec!["400000", "30000", "20000"]]
        );
        assert!(super::groups(&[], build).is_empty());
    }
}
