//! Programs that came with PostgreSQL and know it better than we do.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use lockstep_engine::model::Failure;
use secrecy::ExposeSecret as _;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::via::{Target, Tls};

/// What these programs write of what passes: somebody's lock, a server that restarts, a connection that broke.
const PASSING: [&str; 4] = [
    "due to lock timeout",
    "connection to server",
    "server closed the connection",
    "the database system is",
];

/// `pg_dump` with the `pg_restore` of the same folder.
#[derive(Clone, Debug)]
pub(super) struct DumpTools {
    folder: PathBuf,
    major: u32,
}

/// Where PostgreSQL's programs are looked for, and what was found there.
pub(crate) struct Tools {
    folders: Vec<PathBuf>,
    found: OnceCell<Vec<DumpTools>>,
}

impl Tools {
    pub(crate) fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders, found: OnceCell::new() }
    }

    /// Returns the programs to copy a schema between servers of these major versions: not older than the source, whose
    /// catalogue they must know, and as near as can be to the target, which must know their words.
    pub(super) async fn between(&self, source: u32, target: u32) -> Result<&DumpTools, Failure> {
        let found = self.found.get_or_init(|| look(&self.folders)).await;
        let fitting = found.iter().filter(|tools| tools.major >= source);
        fitting.min_by_key(|tools| (tools.major > target, tools.major.abs_diff(target))).ok_or_else(
            || {
                let here: Vec<String> = found.iter().map(|it| it.major.to_string()).collect();
                let here =
                    if here.is_empty() { "none".to_owned() } else { here.join(", ") };
                let text = format!(
                    "no pg_dump of version {source} or newer was found (here: {here}); Debian's package is postgresql-client-{source}"
                );
                Failure::permanent("sql:no-pg-dump", text)
            },
        )
    }
}

async fn look(folders: &[PathBuf]) -> Vec<DumpTools> {
    let mut found: Vec<DumpTools> = Vec::new();
    for folder in folders {
        if !folder.join("pg_restore").is_file() {
            continue;
        }
        let Some(major) = major(&folder.join("pg_dump")).await else { continue };
        if found.iter().all(|known| known.major != major) {
            found.push(DumpTools { folder: folder.clone(), major });
        }
    }
    found
}

async fn major(program: &Path) -> Option<u32> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg("--version").output().await.ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let version =
        said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl DumpTools {
    /// Writes the definitions of a database, without rows, to an archive.
    pub(super) async fn dump(
        &self,
        target: &Target,
        archive: &Path,
        arguments: &[&str],
    ) -> Result<(), Failure> {
        let mut command = Command::new(self.folder.join("pg_dump"));
        command.args(["--format=custom", "--no-password", "--file"]).arg(archive).args(arguments);
        dialling(&mut command, target);
        said(command, "pg_dump").await.map(|_| ())
    }

    /// Lists an archive's entries, one line each.
    pub(super) async fn list(&self, archive: &Path, section: &str) -> Result<String, Failure> {
        let mut command = Command::new(self.folder.join("pg_restore"));
        command.args(["--list", section]).arg(archive);
        said(command, "pg_restore").await
    }

    /// Returns those entries of an archive as SQL that `entries` lists.
    pub(super) async fn script(&self, archive: &Path, entries: &Path) -> Result<String, Failure> {
        let mut command = Command::new(self.folder.join("pg_restore"));
        command.args(["--file=-", "--use-list"]).arg(entries).arg(archive);
        Ok(without_fences(&said(command, "pg_restore").await?))
    }
}

/// Passes the way to a server in variables: arguments can be seen by every user of the machine.
fn dialling(command: &mut Command, target: &Target) {
    let mode = match target.tls {
        Tls::Disable => "disable",
        Tls::Prefer => "prefer",
        Tls::Require => "require",
        Tls::Verify => "verify-full",
    };
    command
        .env("PGHOST", &target.address.host)
        .env("PGPORT", target.address.port.to_string())
        .env("PGUSER", target.user.as_deref().unwrap_or("postgres"))
        .env("PGSSLMODE", mode)
        .env("PGAPPNAME", "lockstep:pg_dump")
        .env("PGCONNECT_TIMEOUT", "10")
        .env("PGOPTIONS", "-c default_transaction_read_only=on -c lock_timeout=5s");
    if let Some(database) = &target.database {
        command.env("PGDATABASE", database);
    }
    if let Some(password) = &target.password {
        command.env("PGPASSWORD", password.expose_secret());
    }
}

async fn said(mut command: Command, name: &str) -> Result<String, Failure> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let failed = |why: String| Failure::permanent("sql:pg-dump", format!("{name} failed: {why}"));
    let output = command.output().await.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let failure = failed(format!("{}: {}", output.status, said.trim()));
        let passes = PASSING.iter().any(|words| said.contains(words));
        return Err(if passes { Failure::Transient(failure.problem().clone()) } else { failure });
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}

/// Takes out the two lines that newer minor versions put around a script for `psql`; they are no SQL.
fn without_fences(script: &str) -> String {
    let token = script.lines().find_map(|line| line.strip_prefix("\\restrict "));
    let Some(token) = token else { return script.to_owned() };
    let fences = [format!("\\restrict {token}"), format!("\\unrestrict {token}")];
    let kept = script.lines().filter(|line| !fences.iter().any(|fence| fence == line));
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_for_psql_are_taken_out_of_a_script() {
        let script = "--\n\\restrict abc\nSELECT '\n\\restrict x\n';\n\\unrestrict abc\n";
        assert_eq!(without_fences(script), "--\nSELECT '\n\\restrict x\n';\n");
        assert_eq!(without_fences("SELECT 1;\n"), "SELECT 1;\n");
    }

    #[tokio::test]
    async fn the_programs_are_no_older_than_the_source_and_near_the_target() {
        let tools = |major| DumpTools { folder: PathBuf::from("/"), major };
        let all = Tools::in_folders(Vec::new());
        all.found.set(vec![tools(14), tools(15), tools(16), tools(18)]).unwrap();
        assert_eq!(all.between(15, 16).await.unwrap().major, 16);
        assert_eq!(all.between(16, 16).await.unwrap().major, 16);
        assert_eq!(all.between(15, 17).await.unwrap().major, 16);
        assert_eq!(all.between(17, 17).await.unwrap().major, 18);
        let none = all.between(19, 19).await.unwrap_err();
        assert!(none.to_string().contains("14, 15, 16, 18"), "{none}");
    }
}
