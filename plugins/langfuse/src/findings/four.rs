//! The gates before version 4, which drops what was not moved.
//!
//! What was moved is what a migration in the background says that it has ended. Counts are evidence beside that: once version 3 takes
//! what is sent, ClickHouse has rows that PostgreSQL never had, and lacks those that somebody has deleted since.

use lockstep_sdk::Finding;
use lockstep_sdk::outside::{Http, Sql};
use lockstep_sdk::{Failure, failure::allowed};

use super::Seen;
use crate::background::{BACKFILL, Migration, Standing};
use crate::clickhouse;
use crate::database;
use crate::names::WEB;
use crate::route::DROPS;

/// How many times what it holds a volume must have room for.
const ROOM: u64 = 3;

/// What a table holds in PostgreSQL and in ClickHouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The table's name in PostgreSQL.
    pub(crate) table: &'static str,
    /// Rows in PostgreSQL.
    pub(crate) here: u64,
    /// Rows in ClickHouse, or why they can't be counted.
    pub(crate) there: Result<u64, String>,
}

impl Counted {
    /// Returns whether ClickHouse has no fewer rows, which alone proves nothing.
    pub(crate) fn is_plausible(&self) -> bool {
        self.there.as_ref().is_ok_and(|there| *there >= self.here)
    }

    /// Returns whether rows are there that no migration says to have moved.
    pub(crate) fn is_unmoved(&self, migrations: &[Migration]) -> bool {
        self.here > 0 && !migrations.iter().any(|it| it.has_moved(self.table))
    }

    /// Returns it in one line.
    pub(crate) fn line(&self) -> String {
        let Self { table, here, there } = self;
        match there {
            Ok(there) => format!("{table}: {here} rows in PostgreSQL, {there} in ClickHouse"),
            Err(why) => {
                format!("{table}: {here} rows in PostgreSQL; ClickHouse can't be asked: {why}")
            }
        }
    }
}

/// Counts those of `all` tables that are still in PostgreSQL, and what has become of them.
pub(crate) fn counts<O: Sql + Http>(
    outside: &O,
    schema: &str,
    columns: &str,
    all: &[(&'static str, &'static str)],
) -> Result<Vec<Counted>, Failure> {
    let tables = database::shape(outside, schema)?.0;
    let mut counted = Vec::new();
    for (table, moved_to) in all.iter().filter(|(table, _)| tables.contains_key(*table)) {
        let here = database::count(outside, schema, table)?;
        let there = allowed(clickhouse::count(outside, columns, moved_to))?;
        counted.push(Counted { table, here, there });
    }
    Ok(counted)
}

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let mut findings = vec![drops(), room(seen), callback()];
    findings.extend(backfill(seen));
    findings
}

/// Returns what is said of what was moved.
pub(crate) fn moved(counted: &[Counted], migrations: &[Migration]) -> Finding {
    let unmoved: Vec<&str> =
        counted.iter().filter(|it| it.is_unmoved(migrations)).map(|it| it.table).collect();
    let finding = if !unmoved.is_empty() {
        Finding::refusal("moved", "no migration in the background says that it has moved what version 2 kept: version 4 would drop it, for good")
            .evidence(format!("with rows, and without a migration of theirs that has ended: {}", unmoved.join(", ")))
            .remedy("let the migrations in the background end, or begin them anew where rows were written since; nothing else opens this gate")
    } else if counted.iter().all(Counted::is_plausible) {
        Finding::note(
            "moved",
            "each migration that moves what version 2 kept in PostgreSQL has ended",
        )
    } else {
        Finding::warning("moved", "each migration that moves what version 2 kept has ended, and yet ClickHouse has fewer rows: version 4 would drop those that it lacks, for good")
            .remedy(
                "see whether they were deleted since; if not, begin the migrations anew. Right before the tables are dropped the run stops, and goes \
                 on only when somebody says that it may",
            )
            .mended_by(WEB)
    };
    let finding = counted.iter().map(Counted::line).fold(finding, Finding::evidence);
    finding
        .evidence("counts are no proof: version 3 has taken rows since that PostgreSQL never had")
        .source(DROPS)
}

/// What version 4 writes anew may not be kept from beginning when it is to be followed to its end.
fn backfill(seen: Seen<'_>) -> Option<Finding> {
    let (migrations, worker) = (seen.inside.background.as_ref()?, seen.survey.worker.as_ref()?);
    let standing = Standing::by(migrations, &worker.variables, seen.goal.release);
    let Standing::Asleep(asleep) = standing else { return None };
    let finding = Finding::refusal(
        "backfill",
        "version 4 would not write anew what version 3 kept, because a variable keeps it from that",
    )
    .evidence(format!("{BACKFILL} of the worker"))
    .remedy("take the variable away, and plan again")
    .source("domain.md C.4");
    Some(asleep.iter().map(Migration::line).fold(finding, Finding::evidence))
}

fn drops() -> Finding {
    Finding::warning("drops", "version 4 drops the tables in which version 2 kept traces, observations, scores and items of dataset runs")
        .evidence("what was moved from them is in ClickHouse; going back to version 3 does not bring the tables back")
        .remedy("the step `web` asks before it does so")
        .mended_by(WEB)
        .source(DROPS)
}

/// What version 3 kept is written anew into the tables of version 4.
fn room(seen: Seen<'_>) -> Finding {
    let volume = seen.survey.clickhouse.as_ref().and_then(|it| it.service.volume.as_ref());
    let evidence = volume.map(|it| format!("{} MB of {} MB used", it.used_mb, it.size_mb));
    let is_full =
        volume.is_some_and(|it| it.size_mb > 0 && it.used_mb.saturating_mul(ROOM) > it.size_mb);
    let finding = if is_full {
        Finding::refusal("room", "ClickHouse's volume has no room for what version 4 writes anew")
            .remedy("grow the volume to three times what it holds")
    } else {
        Finding::note("room", "ClickHouse's volume has room for what version 4 writes anew")
    };
    evidence.into_iter().fold(finding, Finding::evidence).source("domain.md C.4")
}

fn callback() -> Finding {
    Finding::warning("callback", "clients that post to paths of version 3 are taken as long as the write mode is `dual`, and not in the usual mode of version 4")
        .evidence("the plan sets LANGFUSE_MIGRATION_V4_WRITE_MODE=dual at both services; LiteLLM's callback `langfuse` is one of those clients")
        .remedy("move clients to OpenTelemetry (LiteLLM: `langfuse_otel`) before anybody sets another mode, from which there is no way back")
        .source("domain.md B.8, C.4; litellm#33383")
}
