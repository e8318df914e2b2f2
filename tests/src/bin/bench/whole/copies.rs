//! Others that copy a database: what a person would do by hand, and the best tool for it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use futures_util::future::{try_join, try_join_all};
use lockstep_tests::{block_on, dial};
use tempfile::TempDir;

use super::process;
use crate::Fallible;

/// Where the programs of PostgreSQL's versions are, beside those on the path.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// Every table that `pgcopydb compare data` compares, the largest last, with its columns.
const TABLES: &str = "\
    SELECT c.oid::regclass::text, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_class c \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY c.oid, c.relpages ORDER BY c.relpages";

/// How many tables it compares at once.
const AT_ONCE: usize = 4;

/// What `pgcopydb` took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cloned {
    /// The seconds of `clone`.
    pub(crate) clone: f64,
    /// The seconds of the statements that its `compare data` sends.
    pub(crate) compare: f64,
}

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

    /// Returns what `pgcopydb clone` takes with four jobs of each kind, and the comparison afterwards; none where it is not
    /// installed.
    ///
    /// Debian's version has no `compare data` yet, so its statements are sent: a count and a sum of 32-bit hashes for each table,
    /// at both sides at once.
    pub(crate) fn clone(&self) -> Fallible<Option<Cloned>> {
        if Command::new("pgcopydb").arg("--version").output().is_err() {
            return Ok(None);
        }
        let (to, folder) = (self.made("by_pgcopydb")?, TempDir::new()?);
        let mut clone = Command::new("pgcopydb");
        clone.args(["clone", "--table-jobs", "4", "--index-jobs", "4", "--no-owner", "--no-acl"]);
        clone.args(["--source", self.from, "--target", &to]).arg("--dir").arg(folder.path());
        let clone = process::run(&mut clone)?.wall;
        let began = Instant::now();
        block_on(self.compare(&to))?;
        let compare = began.elapsed().as_secs_f64();
        self.dropped("by_pgcopydb")?;
        Ok(Some(Cloned { clone, compare }))
    }

    async fn compare(&self, to: &str) -> Fallible<()> {
        let tables = dial(self.from).await?.query(TABLES, &[]).await?;
        let query = |row: &tokio_postgres::Row| {
            let (table, columns): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            Ok(format!(
                "SELECT count(1), sum(hashtext(({columns})::text)::bigint) FROM ONLY {table}"
            ))
        };
        let queries: Fallible<Vec<String>> = tables.iter().map(query).collect();
        let queries = RefCell::new(queries?);
        let job = async || {
            let (left, right) = try_join(dial(self.from), dial(to)).await?;
            while let Some(query) = { queries.borrow_mut().pop() } {
                try_join(left.query_one(&query, &[]), right.query_one(&query, &[])).await?;
            }
            Fallible::Ok(())
        };
        try_join_all((0..AT_ONCE).map(|_| job())).await?;
        Ok(())
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
