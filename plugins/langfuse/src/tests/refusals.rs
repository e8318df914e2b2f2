//! What forbids a plan, each with what to do about it.

use lockstep_sdk::testing::{Tested, digest, finding, location};
use lockstep_sdk::{DeploymentStatus, Failure};

use super::given::{TO, drafted};
use super::plans::last_three;
use super::stack::{Stack, target};
use crate::background::tests::migration;
use crate::background::{BACKFILL, Migration};

/// A change that forbids a plan, and how its finding is called and what it says.
type Case = (&'static str, fn(&mut Stack), &'static str);

#[track_caller]
fn refused_for(stack: &Stack, to: &str, (id, change, part): Case) {
    let mut stack = stack.clone();
    change(&mut stack);
    let draft = drafted(&stack, to);
    let found = finding(&draft, id);
    let shown = format!("{} {} {:?}", found.title, found.evidence.join(" "), found.remedy);
    assert!(found.refuses(), "{shown}");
    assert!(shown.contains(part), "{id}: {shown}");
    assert!(draft.steps.is_empty(), "{id}");
}

#[test]
fn a_stack_that_can_not_be_worked_on_is_refused() {
    let cases: [Case; 16] = [
        ("service", |it| it.services.retain(|one| one.name != "langfuse-web"), "option `service`"),
        ("service", |it| it.services.retain(|one| one.name != "postgres"), "`database-service`"),
        ("web", |it| it.answers.health = 503, "answers 503"),
        ("web", |it| it.answers.ready = 500, "and /api/public/ready 500"),
        (
            "web",
            |it| it.answers.down = Some(Failure::transiently("http:connection", "refused")),
            "refused",
        ),
        ("worker", |it| it.answers.worker = 500, "answers 500"),
        ("storage", |it| it.answers.storage = 503, "answered 503"),
        (
            "database",
            |it| it.databases.down = Some(Failure::transiently("sql:08006", "gone")),
            "gone",
        ),
        (
            "clickhouse",
            |it| {
                it.databases.error = Some((516, "Code: 516. DB::Exception: Authentication failed"))
            },
            "Authentication failed",
        ),
        ("staged", |it| it.staged.push("langfuse-web: a variable".to_owned()), "commit or discard"),
        (
            "under-way",
            |it| {
                it.deployments.get_mut("clickhouse").unwrap()[0].status =
                    DeploymentStatus::InProgress("DEPLOYING".to_owned())
            },
            "`clickhouse`",
        ),
        (
            "auto-updates",
            |it| it.setting("langfuse-worker", "auto-updates", "minor"),
            "`langfuse-worker`",
        ),
        ("replicas", |it| it.setting("langfuse-web", "replicas", "2"), "set one replica"),
        (
            "backup-clickhouse",
            |it| it.service("clickhouse").volume.as_mut().unwrap().used_mb = 4_000,
            "half full",
        ),
        ("backup-postgres", |it| it.service("postgres").volume = None, "no volume"),
        ("health-path", |it| it.service("langfuse-web").settings.clear(), "/api/public/health"),
    ];
    for case in cases {
        refused_for(&Stack::healthy(), TO, case);
    }
}

#[test]
fn migrations_that_were_left_half_done_are_found() {
    let cases: [Case; 5] = [
        (
            "unfinished",
            |it| it.databases.unended.push(("20260101_half", "timed\u{1b}[2J out\nafter")),
            "20260101_half: timed [2J out after",
        ),
        ("dirty", |it| it.databases.history = Some((13, 1)), "version 13, dirty"),
        ("dirty", |it| it.databases.history = None, "no history"),
        ("tables", |it| it.databases.homes.clear(), "schemas with `projects`: 0"),
        (
            "history",
            |it| it.databases.tables.retain(|it| it.0 != "_prisma_migrations"),
            "no history",
        ),
    ];
    for case in cases {
        refused_for(&Stack::healthy(), TO, case);
    }
}

#[test]
fn a_migration_in_the_background_that_failed_is_mended_first() {
    let mut stack = Stack::healthy();
    stack.databases.background[0].finished = false;
    stack.databases.background[0].failed = Some("Memory limit\nexceeded".to_owned());
    refused_for(
        &stack,
        TO,
        ("background", |_| {}, "migrate_traces_from_pg_to_ch: Memory limit exceeded"),
    );
    refused_for(&stack, TO, ("background", |_| {}, "UPDATE background_migrations"));
}

#[test]
fn servers_that_are_too_old_or_throw_things_away_are_refused() {
    let cases: [Case; 6] = [
        ("postgres", |it| it.databases.server = 110_022, "PostgreSQL 11 is too old"),
        ("clickhouse", |it| it.databases.clickhouse = "24.2.1.1", "at least 24.3"),
        ("timezone", |it| it.databases.timezone = "Europe/Berlin", "Europe/Berlin"),
        ("redis", |it| it.databases.redis = "6.2.14", "at least 7"),
        ("eviction", |it| it.databases.policy = "allkeys-lru", "allkeys-lru"),
        ("smoke", |it| it.answers.keys = 401, "LANGFUSE_PUBLIC_KEY"),
    ];
    for case in cases {
        refused_for(&Stack::healthy(), TO, case);
    }
}

#[test]
fn variables_without_which_nothing_starts_are_named() {
    let cases: [Case; 4] = [
        (
            "variables-langfuse-web",
            |it| it.unset("langfuse-web", "CLICKHOUSE_MIGRATION_URL"),
            "CLICKHOUSE_MIGRATION_URL",
        ),
        (
            "variables-langfuse-worker",
            |it| it.unset("langfuse-worker", "LANGFUSE_S3_EVENT_UPLOAD_BUCKET"),
            "EVENT_UPLOAD_BUCKET",
        ),
        ("leads", |it| it.set("langfuse-web", "DATABASE_URL", "***d"), "at db.example"),
        ("clickhouse", |it| it.set("langfuse-web", "CLICKHOUSE_DB", "a'; DROP"), "CLICKHOUSE_DB"),
    ];
    let mut stack = Stack::healthy();
    stack.leads("langfuse-web", "DATABASE_URL", location("postgresql", "db.example", "/x"));
    refused_for(&stack, TO, cases[2]);
    for case in [cases[0], cases[1], cases[3]] {
        refused_for(&Stack::healthy(), TO, case);
    }
}

/// Of the errors of the old guide, the one whose check is 200 while the database is dead.
#[test]
fn error_11_the_guides_health_says_nothing_of_database_worker_clickhouse_and_storage() {
    assert!(crate::web::HEALTH.contains("failIfDatabaseUnavailable=true"));
    assert_eq!(Stack::healthy().answers.health, 200, "and it is so in each of these");
    let cases: [Case; 4] = [
        (
            "database",
            |it| it.databases.down = Some(Failure::transiently("sql:08006", "gone")),
            "gone",
        ),
        ("worker", |it| it.answers.worker = 500, "answers 500"),
        ("clickhouse", |it| it.databases.error = Some((500, "Code: 210")), "Code: 210"),
        ("storage", |it| it.answers.storage = 503, "answered 503"),
    ];
    for case in cases {
        refused_for(&Stack::healthy(), TO, case);
    }
}

#[test]
fn another_database_of_the_same_server_opens_no_gate() {
    let mut stack = Stack::healthy();
    let own = location("postgresql", "postgres.railway.internal", "/langfuse");
    stack.leads("langfuse-web", "DATABASE_URL", own);
    let part = "leads to the database `litellm_langfuse`";
    for to in [TO, "4.16.0"] {
        refused_for(&stack, to, ("leads", |_| {}, part));
    }
}

#[test]
fn what_version_2_kept_is_moved_before_a_later_version_3() {
    let late = "20241024_1738_migrate_scores_from_pg_to_ch";
    let case: Case = (
        "background",
        |it| it.databases.background.push(migration("20241024_1738_migrate_scores_from_pg_to_ch")),
        late,
    );
    refused_for(&Stack::healthy(), TO, case);
}

#[test]
fn a_web_service_that_does_not_start_says_what_keeps_it_down() {
    let mut stack = Stack::healthy();
    stack.answers.down = Some(Failure::transiently("http:connection", "refused"));
    stack.unset("langfuse-web", "CLICKHOUSE_CLUSTER_ENABLED");
    let line = "ENCRYPTION_KEY must be 256 bits, 64 string characters in hex format";
    stack.logs.insert("langfuse-web".to_owned(), vec!["starting".to_owned(), line.to_owned()]);
    refused_for(&stack, TO, ("encryption-key", |_| {}, "openssl rand -hex 32"));
    refused_for(&stack, TO, ("cluster", |_| {}, "CLICKHOUSE_CLUSTER_ENABLED=false"));
}

#[test]
fn targets_that_nobody_should_name_are_refused() {
    for (to, id, part) in [
        ("3", "target", "may become any version"),
        ("latest", "target", "`latest` has become version 4"),
        ("3.226.0-rc.1", "target", "not released"),
        ("3.999.0", "target", "not published"),
        ("three", "target", "no version of Langfuse"),
        ("3.50.0", "downgrade", "lockstep rollback"),
    ] {
        refused_for(&Stack::healthy(), to, (id, |_| {}, part));
    }
    let mut half = Stack::healthy();
    half.registry.images.remove("langfuse/langfuse-worker:3.225.4");
    refused_for(&half, TO, ("target", |_| {}, "langfuse-worker:3.225.4` is not there"));
}

#[test]
fn versions_that_do_not_agree_are_refused() {
    refused_for(
        &Stack::healthy(),
        TO,
        (
            "version",
            |it| {
                it.service("langfuse-worker").image =
                    Some("langfuse/langfuse-worker:3.50.0".to_owned())
            },
            "langfuse-worker, digest 888888888888: 3.50.0",
        ),
    );
    refused_for(
        &Stack::healthy(),
        TO,
        ("version", |it| it.answers.version = "3.225.4", "do not run one version"),
    );
    refused_for(
        &Stack::healthy(),
        TO,
        ("version", |it| it.answers.version = "unknown", "tells none"),
    );
    refused_for(
        &Stack::healthy(),
        TO,
        (
            "image",
            |it| {
                it.service("langfuse-web").image = Some("mine/web:3.170.0".to_owned());
            },
            "does not know",
        ),
    );
    refused_for(
        &Stack::healthy(),
        TO,
        (
            "pin-langfuse-web",
            |it| it.deployments.get_mut("langfuse-web").unwrap()[0].digest = Some(digest('9')),
            "not there to pull",
        ),
    );
}

#[test]
fn version_4_is_refused_until_everything_is_moved_and_every_server_new_enough() {
    let cases: [Case; 8] = [
        (
            "backfill",
            |it| {
                let gate = Some(BACKFILL.to_owned());
                it.databases.background.push(Migration { gate, ..migration("20260701_v4_step_1") });
                it.set("langfuse-worker", BACKFILL, "false");
            },
            "20260701_v4_step_1: not begun",
        ),
        (
            "background",
            |it| {
                it.databases
                    .background
                    .push(migration("20241024_1738_migrate_scores_from_pg_to_ch"))
            },
            "migrate_scores_from_pg_to_ch: not begun",
        ),
        (
            "background",
            |it| it.databases.tables.retain(|it| it.0 != "background_migrations"),
            "can't be told",
        ),
        (
            "moved",
            |it| it.databases.background.retain(|it| !it.name.contains("_traces_")),
            "without a migration of theirs that has ended: traces",
        ),
        ("clickhouse", |it| it.databases.clickhouse = "25.8.2.29", "at least 25.12"),
        ("postgres", |it| it.databases.server = 140_011, "at least 15"),
        (
            "room",
            |it| it.service("clickhouse").volume.as_mut().unwrap().used_mb = 2_000,
            "three times",
        ),
        (
            "background",
            |it| it.databases.background[0].failed = Some("x".to_owned()),
            "20241024_1730",
        ),
    ];
    for case in cases {
        refused_for(&last_three(), "4.16.0", case);
        let mut stack = last_three();
        case.1(&mut stack);
        let found = finding(&drafted(&stack, "4.16.0"), case.0).clone();
        assert!(found.source.is_some(), "{}", case.0);
    }
    refused_for(&Stack::healthy(), "4.16.0", ("path", |_| {}, "the last line of version 3"));
}

#[test]
fn version_2_never_becomes_version_4() {
    let mut stack = Stack::running("2.95.11");
    stack.services.retain(|it| ["langfuse-web", "postgres"].contains(&it.name.as_str()));
    refused_for(&stack, "4.16.0", ("path", |_| {}, "drops the tables"));
    let draft = drafted(&stack, "4.16.0");
    assert!(
        finding(&draft, "path").source.as_ref().unwrap().contains("drop_legacy_tracing_tables")
    );
    refused_for(&stack, "3.225.4", ("path", |_| {}, "plan `langfuse@3.29.0` first"));
}

#[test]
fn another_component_is_none_of_this_plugin() {
    let mut wanted = target(Some(TO), &[]);
    wanted.component = "litellm".to_owned();
    let (draft, _) = Stack::healthy().drafted(&wanted);
    assert!(finding(&draft, "component").refuses());
}
