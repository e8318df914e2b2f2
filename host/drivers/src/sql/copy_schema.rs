//! Copying a schema in two parts, with the definitions that `pg_dump` gives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use lockstep_engine::model::{Digest, Failure, SchemaPart};

use super::index_builds::{self, Builds};
use super::session::{Databases, failure};
use super::tools::DumpTools;

/// What makes a part of a schema.
pub(super) struct Script {
    /// What builds indexes before the rest: for each of several sessions what it sends, one transaction after the other.
    pub(super) beside: Vec<Vec<String>>,
    /// The rest, for one transaction.
    pub(super) rest: String,
}

impl Script {
    /// Returns a digest of everything that is sent.
    pub(super) fn digest(&self) -> Digest {
        Digest::of([self.beside.concat().concat().as_str(), &self.rest].concat().as_bytes())
    }

    /// Returns how many bytes are sent.
    pub(super) fn bytes(&self) -> usize {
        self.beside.iter().flatten().chain([&self.rest]).map(String::len).sum()
    }
}

/// What of a database is not copied: rows, what only its own server needs, and what Lockstep keeps there.
const WITHOUT: [&str; 4] =
    ["--schema-only", "--no-publications", "--no-subscriptions", "--exclude-schema=lockstep"];

/// Constraints and indexes by which rows are identified, by the catalogue that they are in: rows that change need them.
const IDENTITIES: &str = "\
    SELECT 2606::oid, k.oid FROM pg_catalog.pg_constraint k WHERE k.contype = 'p' \
    UNION ALL SELECT 2606::oid, k.oid FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid \
      AND i.indrelid = k.conrelid WHERE k.contype = 'u' AND i.indisreplident \
    UNION ALL SELECT 1259::oid, i.indexrelid FROM pg_catalog.pg_index i WHERE i.indisreplident";

const MAJOR: &str = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000";

impl Databases {
    /// Returns the SQL that makes a part of the schema of `source` in `target`, but for the indexes of the later part that are
    /// there already.
    pub(super) async fn schema_script(
        &self,
        source: &str,
        target: &str,
        part: SchemaPart,
    ) -> Result<Script, Failure> {
        let from = self.open(source, "lockstep:copy-schema").await?;
        let (major, identities) = {
            let failed = |error: tokio_postgres::Error| failure(source, &error);
            let rows = from.client.query(IDENTITIES, &[]).await.map_err(failed)?;
            let identity = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
            let identities: Result<BTreeSet<(u32, u32)>, _> = rows.iter().map(identity).collect();
            (self.major(source).await?, identities.map_err(failed)?)
        };
        let tools = self.tools.between(major, self.major(target).await?).await?;
        let dialled = self.dialled_by_programs(source).await?;
        let folder = tempfile::tempdir().map_err(|error| unwritten(&error))?;
        let archive = folder.path().join("schema");
        tools
            .dump(&dialled, &archive, &WITHOUT)
            .await
            .map_err(|failure| self.redactor.failure(failure))?;
        let builds = match part {
            SchemaPart::BeforeRows => BTreeMap::new(),
            SchemaPart::AfterRows => self.builds(source, target).await?,
        };
        part_of(tools, folder.path(), &archive, &identities, &builds, part).await
    }

    /// Returns a server's major version.
    pub(super) async fn major(&self, name: &str) -> Result<u32, Failure> {
        let session = self.open(name, "lockstep:look").await?;
        let row = session.client.query_one(MAJOR, &[]).await;
        let major = row.and_then(|row| row.try_get::<_, i32>(0));
        let major = major.map_err(|error| self.redactor.failure(failure(name, &error)))?;
        Ok(u32::try_from(major).unwrap_or_default())
    }
}

async fn part_of(
    tools: &DumpTools,
    folder: &Path,
    archive: &Path,
    identities: &BTreeSet<(u32, u32)>,
    builds: &Builds,
    part: SchemaPart,
) -> Result<Script, Failure> {
    let script = async |entries: &[&str]| {
        let list = folder.join("entries");
        let lines: String = entries.iter().flat_map(|line| [line, "\n"]).collect();
        fs::write(&list, lines).map_err(|error| unwritten(&error))?;
        tools.script(archive, &list).await
    };
    let later = tools.list(archive, "--section=post-data").await?;
    let tells_rows_apart = |line: &&str| numbers(line).is_some_and(|it| identities.contains(&it));
    match part {
        SchemaPart::BeforeRows => {
            let first = tools.list(archive, "--section=pre-data").await?;
            let later = later.lines().filter(tells_rows_apart);
            let entries: Vec<&str> = first.lines().chain(later).collect();
            Ok(Script { beside: Vec::new(), rest: script(&entries).await? })
        }
        SchemaPart::AfterRows => {
            let others = later.lines().filter(|line| !tells_rows_apart(line));
            let (indexes, rest): (Vec<&str>, Vec<&str>) =
                others.partition(|line| index_builds::find(builds, numbers(line)).is_some());
            let mut beside = Vec::new();
            for group in
                index_builds::groups(&indexes, |line| index_builds::find(builds, numbers(line)))
            {
                beside.push(apart(&script(&group).await?));
            }
            Ok(Script { beside, rest: script(&rest).await? })
        }
    }
}

/// Takes a script apart at the comments that begin its entries: first its settings, then an entry each.
fn apart(script: &str) -> Vec<String> {
    const ENTRY: &str = "\n--\n-- Name: ";
    let starts = script.match_indices(ENTRY).map(|(at, _)| at);
    let starts: Vec<usize> = [0].into_iter().chain(starts).collect();
    let ends = starts.iter().skip(1).copied().chain([script.len()]);
    let parts = starts.iter().zip(ends).filter_map(|(start, end)| script.get(*start..end));
    parts.map(str::to_owned).collect()
}

/// Returns the catalogue and the number in it of an entry, which its line begins with: `3425; 2606 16390 CONSTRAINT …`.
fn numbers(line: &str) -> Option<(u32, u32)> {
    let (_, rest) = line.split_once("; ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn unwritten(error: &io::Error) -> Failure {
    let text = format!("could not keep a schema in a temporary folder: {error}");
    Failure::permanent("sql:temporary-folder", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_of_a_script_is_sent_by_itself() {
        let script = "SET a = 1;\n\n--\n-- Name: one; Type: INDEX\n--\n\nCREATE INDEX one;\n\n--\n-- Name: two; Type: INDEX\n--\n\nCREATE INDEX two;\n";
        let parts = apart(script);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], "SET a = 1;\n");
        assert!(parts[1].contains("one;") && parts[2].ends_with("CREATE INDEX two;\n"));
        assert_eq!(parts.concat(), script);
        assert_eq!(apart("SET a = 1;"), ["SET a = 1;"]);
    }

    #[test]
    fn an_entry_is_known_by_its_catalogue_and_number() {
        assert_eq!(
            numbers("3425; 2606 16390 CONSTRAINT public a b a_pkey postgres"),
            Some((2606, 16390))
        );
        assert_eq!(numbers(";     Dump Version: 1.14-0"), None);
    }
}
