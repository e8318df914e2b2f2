//! The stand-in for the job `pg-migrate-ha`: real dumps restored by real tools, with that job's words and its traps.
//!
//! It stops no writer, takes no roles along, and can't be run twice. A source that can't be reached has no databases, so
//! nothing is copied and all is said to be well.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::{StandInError, server::Stop, settings::Settings};

/// The variable that tells the job where its `psql` is.
pub(crate) const PSQL_VARIABLE: &str = "LOCKSTEP_LAB_PSQL";
/// The variable that tells the job where its `pg_dump` is.
pub(crate) const DUMP_VARIABLE: &str = "LOCKSTEP_LAB_PG_DUMP";
/// The variable that tells the job where dumps may lie meanwhile.
pub(crate) const SCRATCH_VARIABLE: &str = "LOCKSTEP_LAB_SCRATCH";

const DUMP: [&str; 6] = [
    "--format=plain",
    "--quote-all-identifiers",
    "--no-tablespaces",
    "--no-owner",
    "--no-privileges",
    "--disable-triggers",
];
const DATABASES: &str = "SELECT datname FROM pg_database WHERE datistemplate = false";

/// Why the job ends badly; it has said so already.
#[derive(Debug, thiserror::Error)]
#[error("the migration failed")]
pub struct MigrationFailed;

struct Job {
    psql: PathBuf,
    dump: PathBuf,
    scratch: PathBuf,
}

/// Runs the job to its end, or until it is asked to end.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let path = |name: &'static str| {
        settings.get(name).map(PathBuf::from).ok_or(StandInError::Unset { name })
    };
    let job = Job {
        psql: path(PSQL_VARIABLE)?,
        dump: path(DUMP_VARIABLE)?,
        scratch: path(SCRATCH_VARIABLE)?,
    };
    say(&format!("lab: {}; psql and pg_dump are real", settings.introduction().trim_end()));
    tokio::select! {
        biased;
        () = stop.wait() => Ok(()),
        done = job.migrate(&settings) => done.map_err(|reason| {
            fatal(&reason);
            fatal("Data sync failed!");
            StandInError::Migration(MigrationFailed)
        }),
    }
}

impl Job {
    async fn migrate(&self, settings: &Settings) -> Result<(), String> {
        title("Starting the PostgreSQL Migration Orchestration");
        let url = |name: &str| {
            settings.get(name).ok_or_else(|| format!("{name} environment variable is not set"))
        };
        let (from, to) = (url("STANDALONE_URL")?, url("PRIMARY_URL")?);
        title("Syncing Data between the Standalone and Primary node");
        for database in self.databases(from).await {
            self.copy(&database, from, to).await?;
        }
        okay("Data sync completed successfully");
        title("Enabling replication between the Standalone and Cluster");
        if settings.get("ENABLE_REPLICATION") == Some("true") {
            return Err(
                "lab: the job's replication can't work as it is written, so the lab has none"
                    .to_owned(),
            );
        }
        info("ENABLE_REPLICATION is false, no more work to do.");
        title("PostgreSQL Migration Completed");
        info("You may delete this service");
        Ok(())
    }

    /// The source's databases; none where it can't be asked.
    async fn databases(&self, url: &str) -> Vec<String> {
        let mut listed = tool(&self.psql, &["--dbname", url, "-At", "-c", DATABASES]);
        let listed = match listed.output().await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(%error, "psql did not start");
                return Vec::new();
            }
        };
        let said = String::from_utf8_lossy(&listed.stderr);
        told(write!(std::io::stderr(), "{said}"));
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    async fn copy(&self, database: &str, from: &str, to: &str) -> Result<(), String> {
        info(&format!("Dumping database: {database}"));
        let file = self.scratch.join(format!("{}.sql", database.replace('/', "_")));
        let name = file.to_string_lossy().into_owned();
        let source = in_database(from, database);
        let mut arguments = DUMP.to_vec();
        arguments.extend(["--file", name.as_str(), "--dbname", source.as_str()]);
        let failed = || format!("Failed to dump database {database}");
        succeeds(&mut tool(&self.dump, &arguments)).await.then_some(()).ok_or_else(failed)?;
        okay(&format!("Database {database} dumped successfully"));
        info(&format!("Restoring database: {database}"));
        self.ensure(database, to).await?;
        let target = in_database(to, database);
        let arguments =
            ["--quiet", "--dbname", target.as_str(), "-v", "ON_ERROR_STOP=1", "-f", name.as_str()];
        let failed = || format!("Failed to restore database {database}");
        succeeds(tool(&self.psql, &arguments).stdout(Stdio::null()))
            .await
            .then_some(())
            .ok_or_else(failed)?;
        okay(&format!("Database {database} restored successfully"));
        Ok(())
    }

    async fn ensure(&self, database: &str, url: &str) -> Result<(), String> {
        info(&format!("Ensuring database {database} exists"));
        if self.databases(url).await.iter().any(|known| known == database) {
            return Ok(());
        }
        let create = format!("CREATE DATABASE \"{}\"", database.replace('"', "\"\""));
        let arguments = ["--quiet", "--dbname", url, "-c", create.as_str()];
        let failed = || format!("Failed to create database {database}");
        succeeds(&mut tool(&self.psql, &arguments)).await.then_some(()).ok_or_else(failed)
    }
}

/// The URL of another database of the same server, made as the job makes it.
///
/// Only `postgresql://` with a port is understood; of any other URL the database stays in, and the result leads nowhere.
fn in_database(url: &str, database: &str) -> String {
    let authority = url.strip_prefix("postgresql://").and_then(|rest| rest.split_once('/'));
    let base = match authority {
        Some((authority, _)) if has_port(authority) => format!("postgresql://{authority}"),
        Some(_) | None => url.to_owned(),
    };
    format!("{base}/{database}")
}

fn has_port(authority: &str) -> bool {
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn tool(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("PGCONNECT_TIMEOUT", "10")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn succeeds(command: &mut Command) -> bool {
    command.status().await.is_ok_and(|status| status.success())
}

fn title(text: &str) {
    say(&format!("\x1b[1;34m==== {text} ====\x1b[0m"));
}

fn info(text: &str) {
    say(&format!("\x1b[36m[ INFO ]\x1b[0m {text}"));
}

fn okay(text: &str) {
    say(&format!("\x1b[32m[ OK ]\x1b[0m {text}"));
}

fn fatal(text: &str) {
    told(writeln!(std::io::stderr(), "\x1b[31m[ FATAL ]\x1b[0m {text}"));
}

fn say(text: &str) {
    told(writeln!(std::io::stdout(), "{text}"));
}

/// A job whose log is gone still does its work.
fn told(written: std::io::Result<()>) {
    if let Err(error) = written {
        tracing::debug!(%error, "nobody reads the log");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_form_of_url_is_led_to_another_database() {
        assert_eq!(in_database("postgresql://u:p@h:5432/a", "b"), "postgresql://u:p@h:5432/b");
        assert_eq!(in_database("postgres://u:p@h:5432/a", "b"), "postgres://u:p@h:5432/a/b");
        assert_eq!(in_database("postgresql://u:p@h/a", "b"), "postgresql://u:p@h/a/b");
    }
}
