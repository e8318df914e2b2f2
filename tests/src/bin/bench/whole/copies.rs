//! Others that copy a database: what a person would do by hand, and the best tool for it.

use std::path::PathBuf;
use std::process::Command;

use lockstep_tests::{block_on, dial};
use tempfile::TempDir;

use super::process;
use crate::Fallible;

/// Where the programs of PostgreSQL's versions are, beside those on the path.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// A database to copy, and a server to copy it to.
#[derive(Debug)]
pub(crate) struct Copies<'a> {
    /// The database.
    pub(crate) from: &'a str,
    /// Any database of the server to copy it to, as a superuser.
    pub(crate) server: &'a str,
}

impl Copies<'_> {
    /// Returns the seconds that `pg_dump`, piped to `psql`, takes.
    pub(crate) fn dump_and_restore(&self) -> Fallible<f64> {
        let to = self.made("by_dump")?;
        let dump = newest("pg_dump").ok_or("there is no pg_dump")?;
        let script = "set -o pipefail; \"$1\" --no-owner --no-privileges \"$2\" | psql -q -X -v ON_ERROR_STOP=1 \"$3\"";
        let mut bash = Command::new("bash");
        bash.args(["-c", script, "bash"]).arg(dump).args([self.from, &to]);
        let took = process::run(&mut bash)?.wall;
        self.dropped("by_dump")?;
        Ok(took)
    }

    /// Returns the seconds that `pgcopydb clone` takes with four jobs of each kind; none where it is not installed.
    pub(crate) fn clone(&self) -> Fallible<Option<f64>> {
        if Command::new("pgcopydb").arg("--version").output().is_err() {
            return Ok(None);
        }
        let (to, folder) = (self.made("by_pgcopydb")?, TempDir::new()?);
        let mut clone = Command::new("pgcopydb");
        clone.args(["clone", "--table-jobs", "4", "--index-jobs", "4", "--no-owner", "--no-acl"]);
        clone.args(["--source", self.from, "--target", &to]).arg("--dir").arg(folder.path());
        let took = process::run(&mut clone)?.wall;
        self.dropped("by_pgcopydb")?;
        Ok(Some(took))
    }

    fn made(&self, name: &str) -> Fallible<String> {
        let text = format!("CREATE DATABASE {name} TEMPLATE template0");
        block_on(async { dial(self.server).await?.batch_execute(&text).await })?;
        let (server, _database) = self.server.rsplit_once('/').ok_or("the URL has no database")?;
        Ok(format!("{server}/{name}"))
    }

    fn dropped(&self, name: &str) -> Fallible<()> {
        let text = format!("DROP DATABASE {name}");
        Ok(block_on(async { dial(self.server).await?.batch_execute(&text).await })?)
    }
}

/// Returns the newest of a program of PostgreSQL's packages.
fn newest(program: &str) -> Option<PathBuf> {
    let folders = std::fs::read_dir(PROGRAMS).ok()?.flatten();
    let found = folders.map(|folder| folder.path().join("bin").join(program));
    found.filter(|path| path.is_file()).max()
}
