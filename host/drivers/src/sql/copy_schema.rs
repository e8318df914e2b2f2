//! Copying a schema in parts, with the definitions that `pg_dump` gives.

use std::fs;
use std::io;
use std::path::PathBuf;

use lockstep_engine::model::{self, Failure, SchemaPart};
use tempfile::TempDir;

use super::index_builds::{Builds, by_size};
use super::index_queue::Build;
use super::indexes::{Index, Indexes, Role, is_wanted};
use super::session::{Databases, failure};
use super::tools::DumpTools;

/// What of a database is not copied: rows, what only its own server needs, and what Lockstep keeps there.
const WITHOUT: [&str; 4] =
    ["--schema-only", "--no-publications", "--no-subscriptions", "--exclude-schema=lockstep"];

const MAJOR: &str = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000";

/// The definitions of a database.
struct Archive<'a> {
    tools: &'a DumpTools,
    folder: TempDir,
    indexes: Indexes,
}

impl Databases {
    /// Returns the SQL that makes a part of the schema of `source` in `target`.
    pub(super) async fn schema_script(
        &self,
        source: &str,
        target: &str,
        part: SchemaPart,
    ) -> Result<String, Failure> {
        let archive = self.archive(source, target).await?;
        let later = archive.list("--section=post-data").await?;
        let later = later.lines().map(|line| (line, archive.index(line)));
        let first = match part {
            SchemaPart::BeforeRows | SchemaPart::BeforeBulkLoad => {
                archive.list("--section=pre-data").await?
            }
            SchemaPart::AfterRows => String::new(),
        };
        let belongs = |index: Option<&Index>| match part {
            SchemaPart::BeforeRows => index.is_some_and(|it| it.role == Role::Key),
            SchemaPart::BeforeBulkLoad => {
                index.is_some_and(|it| it.role == Role::Key && !it.can_wait())
            }
            SchemaPart::AfterRows => index.is_none_or(|it| !it.is_there),
        };
        let later = later.filter(|(_, index)| belongs(*index)).map(|(line, _)| line);
        let entries: Vec<&str> = first.lines().chain(later).collect();
        archive.script(&entries).await
    }

    /// Returns what builds indexes of `source` that `target` does not have, each by itself.
    pub(super) async fn index_scripts(
        &self,
        source: &str,
        target: &str,
        which: model::Indexes,
    ) -> Result<Builds, Failure> {
        let archive = self.archive(source, target).await?;
        let later = archive.list("--section=post-data").await?;
        let later = later.lines().filter_map(|line| Some((line, archive.index(line)?)));
        let wanted = later.filter(|(_, index)| is_wanted(&archive.indexes, index, which));
        let mut wanted: Vec<_> = wanted.map(|(line, index)| (index.bytes, (line, index))).collect();
        by_size(&mut wanted);
        let entries: Vec<&str> = wanted.iter().map(|(_, (line, _))| *line).collect();
        let mut scripts = apart(&archive.script(&entries).await?).into_iter();
        let settings = scripts.next().unwrap_or_default();
        if scripts.len() != wanted.len() {
            let text = format!("of {} indexes pg_restore gave {}", wanted.len(), scripts.len());
            return Err(Failure::permanent("sql:pg-dump", text));
        }
        let each = wanted.iter().zip(scripts).map(|((_, (_, index)), script)| Build {
            table: index.table.clone(),
            is_key: index.role == Role::Key,
            script,
        });
        Ok(Builds { settings, each: each.collect() })
    }

    async fn archive(&self, source: &str, target: &str) -> Result<Archive<'_>, Failure> {
        let indexes = self.indexes(source, target).await?;
        let (from, to) = (self.major(source).await?, self.major(target).await?);
        let tools = self.tools.between(from, to).await?;
        let dialled = self.dialled_by_programs(source).await?;
        let folder = tempfile::tempdir().map_err(|error| unwritten(&error))?;
        let archive = Archive { tools, folder, indexes };
        let dumped = tools.dump(&dialled, &archive.path(), &WITHOUT).await;
        dumped.map_err(|failure| self.redactor.failure(failure))?;
        Ok(archive)
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

impl Archive<'_> {
    fn path(&self) -> PathBuf {
        self.folder.path().join("schema")
    }

    async fn list(&self, section: &str) -> Result<String, Failure> {
        self.tools.list(&self.path(), section).await
    }

    /// Returns the index that an entry makes, if it makes one.
    fn index(&self, line: &str) -> Option<&Index> {
        self.indexes.get(&numbers(line)?)
    }

    async fn script(&self, entries: &[&str]) -> Result<String, Failure> {
        let list = self.folder.path().join("entries");
        let lines: String = entries.iter().flat_map(|line| [line, "\n"]).collect();
        fs::write(&list, lines).map_err(|error| unwritten(&error))?;
        self.tools.script(&self.path(), &list).await
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
