//! Findings about migrations: those that were left half done, and those in the background.

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::prisma::Unended;

use super::Seen;
use crate::background::{BACKFILL, Migration, Standing};
use crate::database::Inside;
use crate::names::{BACKGROUND, WEB};
use crate::route::{DROPS, Route};

/// How a migration in the background that failed is begun anew.
pub(crate) const RETRY: &str = "see why it failed and mend that, then begin it anew: UPDATE background_migrations SET state = '{}', finished_at = NULL, \
    failed_at = NULL, failed_reason = NULL WHERE name = '…', and restart the worker";

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let mut findings = vec![history(seen.inside), columns(seen), background(seen)];
    if seen.inside.is_shared {
        findings.push(
            Finding::note("shared", "Langfuse and LiteLLM share this schema and its history of migrations")
                .evidence("Langfuse applies what its history lacks and nothing else, so LiteLLM's tables are not touched; a LiteLLM that migrates by comparison drops Langfuse's")
                .source("domain.md 0, item 1"),
        );
    }
    findings
}

pub(super) fn history(inside: &Inside) -> Finding {
    if inside.schema().is_none() {
        return Finding::refusal(
            "tables",
            "Langfuse's tables are not in one schema of this database",
        )
        .evidence(format!("schemas with `projects`: {}", inside.homes.len()))
        .remedy("see that the connection `postgres` leads to the database that Langfuse uses");
    }
    if !inside.has_history {
        return Finding::refusal(
            "history",
            "the database has no history of migrations, so it can't be told what is missing in it",
        )
        .source("domain.md C.9: P3005");
    }
    if inside.unended.is_empty() {
        return Finding::note("history", "every migration of PostgreSQL that was begun has ended")
            .mended_by(WEB);
    }
    let title = "migrations of PostgreSQL were begun and never ended: the schema may be half of one version";
    let finding = Finding::refusal("unfinished", title)
        .remedy("see what each has done, end it by hand, and tell Prisma: `prisma migrate resolve --applied` or `--rolled-back`")
        .source("domain.md C.9: P3009");
    inside.unended.iter().map(Unended::line).fold(finding, Finding::evidence)
}

fn columns(seen: Seen<'_>) -> Finding {
    match seen.columns.migrated {
        Some(it) if it.dirty => Finding::refusal("dirty", "a migration of ClickHouse was ended in its middle: no version of Langfuse starts on that")
            .evidence(format!("schema_migrations: version {}, dirty", it.version))
            .remedy(
                "see in the migration of that number what it had done, take its half-made table or column away, and set the version back: \
                 INSERT INTO schema_migrations VALUES (N - 1, 0, toUnixTimestamp64Nano(now64(9)))",
            )
            .source("langfuse#6679, #6639; domain.md C.9"),
        Some(it) => Finding::note("dirty", "every migration of ClickHouse that was begun has ended")
            .evidence(format!("schema_migrations: version {}", it.version)),
        None => Finding::refusal("dirty", "ClickHouse has no history of Langfuse's migrations")
            .evidence("there is no table `schema_migrations`, or nothing is in it")
            .remedy("see that the endpoint `clickhouse-sql` and CLICKHOUSE_DB lead to the database that Langfuse uses"),
    }
}

fn background(seen: Seen<'_>) -> Finding {
    let (Some(migrations), Some(worker)) = (&seen.inside.background, &seen.survey.worker) else {
        let title = "whether everything was migrated in the background can't be told: there is no table for that";
        return if seen.route == Route::ToFour {
            Finding::refusal("background", title).source(DROPS)
        } else {
            Finding::warning("background", title)
        };
    };
    let lines = |finding: Finding, open: &[Migration]| {
        open.iter().map(Migration::line).fold(finding, Finding::evidence)
    };
    match Standing::by(migrations, &worker.variables, seen.from) {
        Standing::Finished => Finding::note("background", "everything that is migrated in the background is done")
            .evidence(format!("{} migrations", migrations.len()))
            .mended_by(BACKGROUND),
        Standing::Asleep(asleep) => lines(
            Finding::warning("background", "what version 3 kept is not written anew for version 4: a variable keeps it from that")
                .remedy(format!("take {BACKFILL} of the worker away, and deploy that: no step does so"))
                .source("domain.md C.4"),
            &asleep,
        ),
        Standing::Failed(failed) => lines(
            Finding::refusal("background", "a migration in the background has failed, and the worker does not try it again by itself")
                .remedy(RETRY)
                .source(if seen.route == Route::ToFour { DROPS } else { "domain.md C.5" }),
            &failed,
        ),
        Standing::Active(open) if seen.route == Route::ToFour => lines(
            Finding::refusal("background", "what version 2 kept is still being moved: version 4 would drop the rest of it, for good")
                .evidence("version 4 drops the tables `traces`, `observations`, `scores` and `dataset_run_items` when it first starts, whatever is still in them")
                .remedy("let the worker end it; nothing else opens this gate")
                .source(DROPS),
            &open,
        ),
        Standing::Active(open) if open.iter().any(Migration::is_of_version_2) => lines(
            Finding::refusal("background", "what version 2 kept is still being moved, and a later version 3 is for afterwards")
                .remedy("let the worker end it first")
                .source("domain.md C.3"),
            &open,
        ),
        Standing::Active(open) => lines(
            Finding::warning("background", "something is still being migrated in the background: the new worker goes on with it")
                .remedy("let it end first, if it is not urgent")
                .mended_by(BACKGROUND)
                .source("domain.md C.3"),
            &open,
        ),
    }
}
