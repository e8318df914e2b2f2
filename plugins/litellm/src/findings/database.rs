//! Findings about the database: whose it is, whether it can be migrated and rehearsed, how much is in it.

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::prisma::Unended;

use super::Seen;
use crate::catalogue::some;
use crate::names::{MIGRATE, NOTES, REHEARSAL, REHEARSE, SCRATCH};
use crate::version::Release;

/// Bytes of the log of spend from which on a new index is felt.
const LARGE: u64 = 1 << 30;

/// From when on, at the latest, the script in the image goes by the history, and from when on by nothing else.
const HISTORY: Release = Release::plain(1, 74, 9);
const SECOND: Release = Release::plain(1, 106, 0);

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let inside = seen.inside;
    let mut findings = Vec::new();
    if inside.schema().is_none() {
        let title = "LiteLLM's tables are not in one schema of this database";
        findings.push(
            Finding::refusal("tables", title)
                .evidence(format!(
                    "schemas with \"LiteLLM_VerificationToken\": {}",
                    inside.homes.len()
                ))
                .remedy(
                    "see that the connection `postgres` leads to the database that the proxy uses",
                ),
        );
        return findings;
    }
    findings.push(shared(seen));
    findings.push(resolver(seen));
    findings.extend(history(seen));
    findings.extend(rehearsal(seen));
    findings.push(spend(seen));
    if inside.superuser {
        findings.push(
            Finding::note(
                "superuser",
                "LiteLLM uses the database as a role that may do everything",
            )
            .evidence(format!("role `{}`", inside.user))
            .evidence("nothing but the rehearsal keeps its migration from others' tables")
            .source("domain.md 0, item 2"),
        );
    }
    findings
}

fn shared(seen: Seen<'_>) -> Finding {
    let inside = seen.inside;
    if inside.foreign.is_empty() {
        return Finding::note("shared", "the schema holds LiteLLM's tables alone");
    }
    let title = if inside.is_shared() {
        "LiteLLM and Langfuse share this schema and its history of migrations: a migration by comparison would drop Langfuse's tables"
    } else {
        "tables that are not LiteLLM's are in its schema: a migration by comparison would drop them"
    };
    let count = inside.foreign.len();
    Finding::warning("shared", title)
        .evidence(format!("{count} tables: {}", some(&inside.foreign)))
        .evidence(
            "a proxy that may not migrate writes into its log, at each start, the statements that would drop them (`prisma schema out of \
             sync with db`): nobody may ever run those",
        )
        .evidence("the plan migrates by a job that compares nothing, first on a copy, and stops if any of them is other than before")
        .mended_by(REHEARSE)
        .remedy("give each application a database of its own when you next move them")
        .source("domain.md 0, item 1; litellm#3035, #9558, #13046")
}

/// How the new version's own script migrates, and what the proxy that runs does when it starts.
fn resolver(seen: Seen<'_>) -> Finding {
    let to = seen.goal.release;
    if to < HISTORY && !seen.inside.foreign.is_empty() {
        let title = format!(
            "{to} migrates by `prisma db push --accept-data-loss`, which drops every table that it does not know"
        );
        return Finding::refusal("resolver", title)
            .evidence("others' tables are in the same schema")
            .remedy(format!(
                "name a version from {HISTORY} on, or give LiteLLM a database of its own first"
            ))
            .source("LiteLLM: proxy/prisma_migration.py; litellm#3035, #9558, #13046");
    }
    let on = |name: &str| seen.survey.proxy.is_on(name);
    let now = if on("DISABLE_SCHEMA_UPDATE") {
        "the proxy that runs changes no schema when it starts"
    } else if on("USE_V2_MIGRATION_RESOLVER") {
        "the proxy that runs migrates when it starts, by applying what is missing"
    } else {
        "the proxy that runs migrates when it starts, and its first resolver carries out whatever a comparison of schemas finds"
    };
    let then = if to >= SECOND {
        format!("{to} applies what its history lacks, and nothing else")
    } else {
        format!(
            "{to} applies what its history lacks; unless it knows the second resolver it may carry out what a comparison finds, which the rehearsal shows"
        )
    };
    let check = on("ENFORCE_PRISMA_MIGRATION_CHECK");
    Finding::note("resolver", "migrations are run by one job, which says `migrate deploy` and the second resolver, and not by proxies that start")
        .evidence(now)
        .evidence(then)
        .evidence(if check {
            "ENFORCE_PRISMA_MIGRATION_CHECK is set: a proxy whose migration failed does not start"
        } else {
            "ENFORCE_PRISMA_MIGRATION_CHECK is not set: a proxy whose migration failed may serve and look healthy; the plan sets it"
        })
        .mended_by(MIGRATE)
        .source("domain.md B.4")
}

fn history(seen: Seen<'_>) -> Option<Finding> {
    let inside = seen.inside;
    if !inside.has_history {
        return Some(
            Finding::refusal("history", "the database has no history of migrations, so it can't be told what is missing in it")
                .evidence("its tables were made by `prisma db push`")
                .remedy("let the version that runs make its history first: USE_PRISMA_MIGRATE=True, deployed once, after a backup")
                .source("domain.md B.4"),
        );
    }
    let title = "migrations were begun and never ended: the schema may be half of one version";
    let finding = Finding::refusal("unfinished", title)
        .remedy("see what each has done, end it by hand, and tell Prisma: `prisma migrate resolve --applied` or `--rolled-back`")
        .source("domain.md B.4");
    let finding = inside.unfinished.iter().map(Unended::line).fold(finding, Finding::evidence);
    (!inside.unfinished.is_empty()).then_some(finding)
}

/// What would keep the migration from being rehearsed.
fn rehearsal(seen: Seen<'_>) -> Vec<Finding> {
    let room = seen.inside.room;
    let mut findings = Vec::new();
    if !room.can_carry {
        findings.push(
            Finding::refusal(
                "rehearsal",
                "the migration can't be rehearsed: the history can't be carried into a copy",
            )
            .evidence("the server has no extension `dblink`")
            .remedy("use an image of PostgreSQL with its usual extensions"),
        );
    }
    if !seen.inside.superuser {
        findings.push(
            Finding::refusal(
                "rehearsal-role",
                "the migration can't be rehearsed: the connection's role may not make a database and an extension",
            )
            .evidence(format!("role `{}` is no superuser", seen.inside.user))
            .remedy("let the connection `postgres` use the superuser of its service"),
        );
    }
    if room.has_rehearsal {
        findings.push(
            Finding::refusal("rehearsal-left", "the database of another rehearsal is there")
                .evidence(format!("`{REHEARSAL}`"))
                .remedy(format!("see that no run uses it, then: DROP DATABASE \"{REHEARSAL}\"")),
        );
    }
    if room.has_notes {
        findings.push(
            Finding::refusal(
                "notes-left",
                "another run's notes about the migrations' history are there",
            )
            .evidence(format!("schema `{NOTES}`"))
            .remedy(format!(
                "see that no run is open or can still go back, then: DROP SCHEMA {NOTES} CASCADE"
            )),
        );
    }
    if findings.is_empty() {
        findings.push(
            Finding::note(
                "rehearsal",
                "the migration is run on a copy of this database's own schema first",
            )
            .evidence(format!(
                "database `{REHEARSAL}` on the same server, without rows but for the history's"
            ))
            .mended_by(SCRATCH),
        );
    }
    findings
}

fn spend(seen: Seen<'_>) -> Finding {
    let Some((bytes, rows)) = seen.inside.spend else {
        return Finding::warning("spend-logs", "there is no table \"LiteLLM_SpendLogs\"");
    };
    let evidence = format!("about {rows} rows, {} MB", bytes.div_ceil(1 << 20));
    if bytes >= LARGE {
        Finding::warning("spend-logs", "the log of spend is large: a migration that makes an index of it blocks its writes meanwhile")
            .evidence(evidence)
            .evidence("the rehearsal shows what is made, and not how long it takes, because the copy has no rows")
            .remedy("delete old rows first (`maximum_spend_logs_retention_period`), or take a quiet hour")
            .source("domain.md B.4")
    } else {
        Finding::note("spend-logs", "the log of spend is small enough to be indexed at once")
            .evidence(evidence)
    }
}
