//! What is refused, and that nothing is declared then.

use lockstep_sdk::testing::{Declared, Tested};
use lockstep_sdk::{Failure, Severity};

use super::sql::{
    BUDGET, CONNECTIONS, PREPARED, RECEIVERS, RECOVERING, SEES, SLOTS, SYNCHRONOUS, SYSTEM, VERSION,
};
use super::stack::{Stack, target};
use crate::path::plan;

#[track_caller]
fn refused(change: impl FnOnce(&mut Stack), id: &str) {
    let mut stack = Stack::healthy();
    change(&mut stack);
    refused_with(&stack, &[], id);
}

#[track_caller]
pub(super) fn refused_with(stack: &Stack, options: &[(&str, &str)], id: &str) {
    let (draft, declared) = stack.drafted(&target(options));
    let refusals: Vec<_> = draft.findings.iter().filter(|finding| finding.refuses()).collect();
    let ids: Vec<_> = refusals.iter().map(|finding| finding.id.as_str()).collect();
    assert!(ids.contains(&id), "{id} is not among {ids:?}");
    let found = refusals.iter().find(|finding| finding.id == id).unwrap();
    assert!(
        !found.evidence.is_empty() || found.remedy.is_some(),
        "{id} says neither how it shows nor what to do"
    );
    assert!(draft.steps.is_empty() && draft.undo.is_empty() && declared.labels().is_empty());
    assert!(draft.findings.iter().all(|finding| finding.mended_by.is_empty()));
}

#[track_caller]
fn warned(change: impl FnOnce(&mut Stack), id: &str) {
    let mut stack = Stack::healthy();
    change(&mut stack);
    let draft = stack.drafted(&target(&[])).0;
    let found = draft.findings.iter().find(|finding| finding.id == id);
    let found = found.unwrap_or_else(|| panic!("{id} is not found"));
    assert_eq!(found.severity, Severity::Warning, "{found:?}");
    assert!(!draft.steps.is_empty(), "a warning forbids nothing");
}

#[test]
fn servers_between_which_nothing_can_be_moved() {
    refused(|stack| stack.databases.new.set(VERSION, 150_004_u64), "versions");
    refused(|stack| stack.databases.new.set(SYSTEM, "111"), "same-server");
    refused(|stack| stack.databases.old.set(RECOVERING, true), "role");
    refused(|stack| stack.databases.new.set(RECOVERING, true), "role");
    refused(|stack| stack.databases.new.set(SLOTS, 1_u64), "cluster-slots");
    refused(|stack| stack.databases.old.set(PREPARED, 1_u64), "prepared");
    refused(|stack| stack.databases.old.set(SEES, false), "sessions-hidden");
    refused(|stack| stack.databases.new.set(SEES, false), "sessions-hidden");
    refused(|stack| stack.databases.new.set(RECEIVERS, 1_u64), "primary");
    refused(|stack| stack.databases.receivers = vec!["walreceiver"; 2], "primary");
    refused(|stack| stack.databases.pooled = Some("postgres"), "pooler");
    refused(|stack| stack.databases.pooled = Some("cluster-admin"), "pooler");
}

#[test]
fn servers_that_can_not_be_read() {
    let down = || Some(Failure::transiently("sql:connection", "could not connect"));
    refused(|stack| stack.databases.old.down = down(), "server");
    refused(|stack| stack.databases.new.down = down(), "cluster");
    let mut denied = Stack::healthy();
    let problem = Failure::permanently("grant:denied", "not granted").problem().clone();
    denied.databases.old.down = Some(Failure::Denied(problem));
    assert!(plan(&denied, &Declared::default(), &target(&[])).is_err(), "a denial is no finding");
}

#[test]
fn a_target_that_is_not_empty() {
    refused(|stack| stack.databases.present = true, "target");
    refused(|stack| stack.databases.new.leftovers.push("slot lockstep_rev"), "leftovers");
    refused(|stack| stack.databases.old.leftovers.push("publication lockstep_fwd"), "leftovers");
}

#[test]
fn what_no_link_carries() {
    refused(|stack| stack.databases.large_objects = 3, "large-objects");
    refused(|stack| stack.databases.tables.push(("public", "u", "r", "u", false)), "unlogged");
    refused(
        |stack| stack.databases.tables.push(("public", "f", "f", "p", false)),
        "foreign-tables",
    );
    refused(
        |stack| stack.databases.tables.push(("public", "m", "m", "p", false)),
        "materialized-views",
    );
    refused(|stack| stack.databases.tables.clear(), "tables");
    refused(|stack| stack.databases.anonymous.push(("odd", "d", None)), "no-identity");
    refused(|stack| stack.databases.extensions.push(("postgis", "3.4")), "extensions");
    refused(|stack| stack.databases.provider = "i", "locale");
    refused(|stack| stack.databases.collate = "de_AT.utf8", "locale");
}

#[test]
fn roles_and_settings_that_would_be_missing_or_in_the_way() {
    refused(|stack| stack.databases.old.roles.push(("litellm", false)), "roles");
    let ro = "default_transaction_read_only=off";
    refused(|stack| stack.databases.settings.push(("postgres", ro)), "read-only-default");
    let own = "-c default_transaction_read_only=off";
    refused(|stack| stack.set("langfuse-web", "PGOPTIONS", own), "unsealed-clients");
    let url = "${{postgres.DATABASE_URL}}?options=-c%20default_transaction_read_only%3Doff";
    refused(|stack| stack.set("litellm", "DATABASE_URL", url), "unsealed-clients");
    refused(|stack| stack.set("pgpool", "PGPOOL_POSTGRES_USERNAME", "app"), "users");
    warned(|stack| stack.databases.settings.push(("", "work_mem=8MB")), "settings");
    let mut both = Stack::healthy();
    both.databases.old.roles.push(("litellm", false));
    both.databases.new.roles.push(("litellm", false));
    let draft = both.drafted(&target(&[])).0;
    assert!(!draft.steps.is_empty(), "a role that is at both sides is in nobody's way");
}

#[test]
fn references_that_can_not_be_put_back() {
    refused(|stack| stack.set("litellm", "DATABASE_URL", "***secret"), "references-stuck");
    refused(
        |stack| stack.set("litellm", "PROXY", "${{postgres.RAILWAY_TCP_PROXY_DOMAIN}}"),
        "references-stuck",
    );
    refused(
        |stack| stack.led("litellm.DATABASE_URL").path = "/other".to_owned(),
        "references-stuck",
    );
    refused(
        |stack| {
            for variables in stack.variables.values_mut() {
                variables.retain(|(name, _)| name != "DATABASE_URL");
            }
        },
        "references",
    );
    warned(|stack| stack.set("redis", "OTHER_DATABASE_URL", "***x"), "references-unclear");
}

#[test]
fn passwords_that_break_the_urls_that_they_would_stand_in() {
    const FRONT: &str = "pgpool.DATABASE_URL";
    let says = |form: &'static str| move |stack: &mut Stack| stack.written(FRONT, form);
    refused(says("raw"), "front-password");
    // A reference is rendered as it is, so that what looks escaped would be read as another password.
    refused(says("escaped"), "front-password");
    refused(|stack| stack.unseen(FRONT), "front-password");
    warned(|stack| drop(stack.destinations.remove(FRONT)), "front-password");
    let other = |stack: &mut Stack| {
        stack.escapes();
        stack.led(FRONT).path = "/railway".to_owned();
    };
    refused(other, "front-password");
    let mut stack = Stack::healthy();
    stack.escapes();
    refused_with(&stack, &[("front-first", "true")], "front-account");
    let declared = Declared::default();
    plan(&stack, &declared, &target(&[])).unwrap();
    let line = declared.line("refer-litellm");
    assert!(line.contains("(\"DATABASE_URL\", \"${{pgpool.DATABASE_URL}}\")"), "{line}");
    // Who can't be led anywhere now has no URL to go back to.
    let odd = "postgresql://${{postgres.PGUSER}}:${{postgres.POSTGRES_PASSWORD}}@x/y";
    refused(
        |stack| {
            stack.set("litellm", "DATABASE_URL", odd);
            stack.unseen("litellm.DATABASE_URL");
        },
        "references-stuck",
    );
    refused(|stack| stack.unseen("litellm.DATABASE_URL"), "references-stuck");
}

#[test]
fn a_platform_that_is_not_ready() {
    refused(|stack| stack.staged.push("somebody's variable".to_owned()), "staged");
    refused(|stack| stack.service("postgres").volume.as_mut().unwrap().used_mb = 2_600, "backup");
    refused(|stack| stack.service("postgres").volume = None, "volume");
    refused(
        |stack| {
            stack.service("litellm").settings.push(("auto-updates".to_owned(), "minor".to_owned()))
        },
        "auto-updates",
    );
    refused(
        |stack| {
            stack
                .service("litellm")
                .settings
                .push(("healthcheck-path".to_owned(), "/health".to_owned()))
        },
        "health-path",
    );
    refused(|stack| stack.withdraw("ghcr.io/berriai"), "pin-litellm");
    refused(|stack| stack.service("pg-2").volume.as_mut().unwrap().used_mb = 4_900, "disk");
    refused(|stack| stack.service("pgpool").image = Some("haproxy:2".to_owned()), "front");
    refused(|stack| stack.variables.get_mut("pgpool").unwrap().clear(), "front");
    refused(|stack| stack.databases.new.set(CONNECTIONS, 30_u64), "connections");
    refused(|stack| stack.services.retain(|service| service.name != "pgpool"), "service");
    refused(
        |stack| {
            stack.databases.old.set(BUDGET, "-1");
            stack.service("postgres").volume.as_mut().unwrap().size_mb = 450;
        },
        "wal-budget",
    );
}

#[test]
fn a_pool_that_is_seen_to_be_broken() {
    let mut stack = Stack::healthy();
    stack.databases.fronted();
    let draft = stack.drafted(&target(&[])).0;
    assert!(!draft.steps.is_empty());
    if let Ok(nodes) = &mut stack.databases.front {
        nodes[1][1] = "down";
    }
    refused_with(&stack, &[], "front");
}

#[test]
fn what_should_be_read_is_a_warning() {
    warned(|stack| stack.databases.long.push(("psql, process 7", "900 s")), "long-transactions");
    warned(
        |stack| stack.databases.old.pending.push("shared_buffers".to_owned()),
        "pending-restart",
    );
    warned(
        |stack| stack.databases.tables.push(("public", "secret", "r", "p", true)),
        "row-security",
    );
    warned(|stack| stack.databases.abandoned.push(("debezium", "900")), "abandoned-slots");
    warned(|_| {}, "shared-database");
    warned(|_| {}, "superuser");
    warned(|_| {}, "sessions");
    let mut alone = Stack::healthy();
    alone.databases.new.set(SYNCHRONOUS, "");
    let draft = alone.drafted(&target(&[("nodes", "pg-0")])).0;
    assert!(draft.findings.iter().any(|finding| finding.id == "synchronous"));
}

#[test]
fn options_and_versions_that_are_not_known() {
    refused_with(&Stack::healthy(), &[("front_", "x")], "option");
    refused_with(&Stack::healthy(), &[("path", "in place")], "path");
    refused_with(&Stack::healthy(), &[("path", "fast")], "path");
    let mut versioned = target(&[]);
    versioned.desired = Some("17".to_owned());
    let draft = Stack::healthy().drafted(&versioned).0;
    assert_eq!(draft.findings[0].id, "target");
}

#[test]
fn a_plan_that_is_made_again_names_its_own_version_and_is_the_same() {
    for (stack, options) in [
        (Stack::healthy(), &[][..]),
        (Stack::healthy(), super::given::JOB),
        (Stack::healthy(), super::given::IN_PLACE),
        (super::beside::alone(), super::given::CLUSTER),
    ] {
        let first = stack.drafted(&target(options)).0;
        let mut again = target(options);
        again.desired = Some(first.desired.text.clone());
        assert_eq!(stack.drafted(&again).0, first, "{options:?}");
        again.desired = Some("9".to_owned());
        let other = stack.drafted(&again).0;
        assert_eq!(other.findings.first().map(|it| it.id.as_str()), Some("target"), "{options:?}");
        assert!(other.steps.is_empty());
    }
}
