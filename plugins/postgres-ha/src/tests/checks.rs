//! What the steps before the cut find before they start and demand when they are done.

use lockstep_sdk::testing::{backup, deployment, digest, failed, moved, pending, waits};
use lockstep_sdk::{Fact, Failure, Progress};

use super::given::kept;
use super::sql::{
    BUDGET, Linked, RECEIVERS, STARTED, SYNCHRONOUS, SYSTEM, WAL_LEVEL, WRITER_DELAY,
};
use super::stack::Stack;

const FORTH: (&str, &str) = ("lockstep_fwd", "postgres");

/// The stack right before the cut.
pub(super) fn copied() -> Stack {
    let mut stack = Stack::healthy();
    stack.databases.present = true;
    stack.databases.fronted();
    stack.databases.links.insert(FORTH, Linked::runs());
    for service in ["litellm", "langfuse-web", "langfuse-worker"] {
        stack.deployed(&format!("rehearse-{service}"));
    }
    stack
}

#[test]
fn a_plan_for_other_servers_does_not_begin() {
    let stack = Stack::healthy();
    let given = kept(&stack);
    let mut other = stack.clone();
    other.databases.new.set(SYSTEM, "333");
    moved(&given.observe(&other, "keep"), "333");
    let mut gone = stack.clone();
    gone.services.retain(|service| service.name != "health-monitor");
    moved(&given.observe(&gone, "keep"), "health-monitor");
    let mut staged = stack;
    staged.staged.push("x".to_owned());
    moved(&given.observe(&staged, "pin"), "staged");
}

#[test]
fn frozen_means_deployed_as_it_was_told_and_answering() {
    let mut stack = Stack::healthy();
    let given = kept(&stack);
    pending(&given.check(&stack, "freeze"), "not listed yet");
    for service in ["litellm", "langfuse-web", "langfuse-worker"] {
        stack.deployed(&format!("rehearse-{service}"));
    }
    failed(&given.check(&stack, "freeze"), "DISABLE_SCHEMA_UPDATE");
    stack.set("litellm", "DISABLE_SCHEMA_UPDATE", "true");
    stack.set("langfuse-web", "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", "true");
    stack.set("langfuse-web", "LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", "true");
    assert!(matches!(given.check(&stack, "freeze"), Progress::Done(_)));
    let mut other = stack.clone();
    other.made.insert("rehearse-litellm".to_owned(), deployment("d2", digest('f')));
    failed(&given.check(&other, "freeze"), "when the run began");
    stack.http = 503;
    pending(&given.check(&stack, "freeze"), "503");
}

#[test]
fn a_backup_is_this_runs_own_and_locked() {
    let mut stack = Stack::healthy();
    let given = kept(&stack);
    pending(&given.check(&stack, "backup"), "not listed");
    stack.backups.insert("postgres".to_owned(), vec![backup("lockstep-r-backup", 0)]);
    assert!(matches!(given.check(&stack, "backup"), Progress::Done(_)));
}

#[test]
fn a_restart_is_seen_by_its_moment_and_its_settings() {
    let mut stack = Stack::healthy();
    stack.databases.old.set(WAL_LEVEL, "replica");
    stack.databases.old.set(BUDGET, "-1");
    stack.databases.new.set(WRITER_DELAY, "200ms");
    let mut given = kept(&stack);
    if let lockstep_sdk::Observation::Ready(facts) = given.observe(&stack, "logical-wal") {
        given.facts.extend(facts);
    }
    pending(&given.check(&stack, "logical-wal"), "not been restarted");
    pending(&given.check(&stack, "wal-budget"), "not read its settings");
    stack.databases.old.down = Some(Failure::transiently("sql:57P03", "starting up"));
    pending(&given.check(&stack, "logical-wal"), "starting up");
    stack.databases.old.down = None;
    stack.databases.old.set(STARTED, "2026-03-03 00:00:00+00");
    failed(&given.check(&stack, "logical-wal"), "still `replica`");
    stack.databases.old.set(WAL_LEVEL, "logical");
    stack.databases.old.set(BUDGET, "1000MB");
    pending(&given.check(&stack, "wal-budget"), "not read its settings");
    stack.databases.new.set(WRITER_DELAY, "10ms");
    assert!(matches!(given.check(&stack, "logical-wal"), Progress::Done(_)));
    assert!(matches!(given.check(&stack, "wal-budget"), Progress::Done(_)));
}

#[test]
fn a_cluster_is_set_up_when_its_nodes_follow_and_pgpool_says_so_itself() {
    let mut stack = Stack::healthy();
    stack.databases.new.set(WAL_LEVEL, "replica");
    let given = kept(&stack);
    for label in ["start-pg-0", "start-pg-1", "start-pg-2", "start-pgpool"] {
        stack.deployed(label);
    }
    failed(&given.check(&stack, "cluster"), "still `replica`");
    stack.databases.new.set(WAL_LEVEL, "logical");
    stack.databases.new.set(SYNCHRONOUS, "");
    failed(&given.check(&stack, "cluster"), "no node must confirm");
    stack.databases.new.set(SYNCHRONOUS, "ANY 1 (*)");
    stack.databases.new.set(RECEIVERS, 1_u64);
    pending(&given.check(&stack, "cluster"), "1 nodes follow");
    stack.databases.new.set(RECEIVERS, 2_u64);
    assert!(matches!(given.check(&stack, "cluster"), Progress::Done(_)));
    failed(&given.check(&stack, "database"), "not there");
    stack.databases.present = true;
    stack.databases.fronted();
    assert!(matches!(given.check(&stack, "database"), Progress::Done(_)));
    stack.databases.front_settings[1].1 = "1";
    failed(&given.check(&stack, "pool"), "failover_on_backend_shutdown");
    stack.databases.front_settings[1].1 = "off";
    assert!(matches!(given.check(&stack, "pool"), Progress::Done(_)));
    moved(&given.observe(&stack, "database"), "already");
}

#[test]
fn a_database_that_this_run_did_not_make_is_not_dropped() {
    let stack = Stack::healthy();
    let given = kept(&stack);
    let skipped = |stack: &Stack| {
        matches!(given.observe(stack, "database-undo"), lockstep_sdk::Observation::NothingToDo(_))
    };
    assert!(skipped(&stack));
    let mut refused = stack.clone();
    let failure = Failure::permanently("sql:42P04", "database already exists");
    refused.broke("database", failure);
    assert!(skipped(&refused));
    assert!(!skipped(&stack.began("database")));
}

#[test]
fn links_run_before_they_are_believed_and_are_gone_before_that_is() {
    let mut stack = Stack::healthy();
    stack.databases.present = true;
    let given = kept(&Stack::healthy());
    pending(&given.check(&stack, "link"), "no subscription");
    for publisher in ["postgres", "cluster"] {
        stack.databases.links.insert(("lockstep_probe", publisher), Linked::runs());
    }
    assert!(matches!(given.check(&stack, "link"), Progress::Done(_)));
    failed(&given.check(&stack, "link-end"), "still there");
    stack.databases.links.clear();
    assert!(matches!(given.check(&stack, "link-end"), Progress::Done(_)));
    assert!(matches!(given.check(&stack, "link-undo"), Progress::Done(_)));
}

#[test]
fn a_copy_is_whole_when_every_table_is_followed() {
    let given = kept(&Stack::healthy());
    let mut stack = copied();
    stack.databases.copied = (3, 4);
    let Progress::Pending(left) = given.check(&stack, "copy") else { panic!() };
    assert_eq!((left.done, left.total), (Some(3), Some(4)));
    stack.databases.copied = (0, 0);
    pending(&given.check(&stack, "copy"), "0 of 4");
    stack.databases.errors = 3;
    pending(&given.check(&stack, "copy"), "3 errors");
    stack.databases.errors = 30;
    failed(&given.check(&stack, "copy"), "30 times");
    assert!(matches!(given.check(&copied(), "copy"), Progress::Done(_)));
}

#[test]
fn what_the_host_compares_is_waited_for_and_a_difference_is_a_failure() {
    let given = kept(&Stack::healthy());
    let stack = copied().began("verify-schema").began("verify-rows");
    assert!(matches!(given.check(&stack, "verify"), Progress::Done(_)));
    let mut differs = stack;
    let failure = Failure::permanently("sql:differs", "3 rows differ in public.media");
    differs.broke("verify-rows", failure);
    failed(&given.check(&differs, "verify"), "3 rows differ");
}

#[test]
fn the_cut_waits_for_a_cluster_that_is_behind_and_stops_at_what_has_changed() {
    let given = kept(&Stack::healthy());
    let hold = |change: &dyn Fn(&mut Stack)| {
        let mut stack = copied();
        change(&mut stack);
        given.observe(&stack, "hold")
    };
    assert!(matches!(hold(&|_| {}), lockstep_sdk::Observation::Ready(_)));
    waits(
        &hold(&|stack| {
            let behind = Linked { slot: Some((true, 9 << 20)), ..Linked::runs() };
            stack.databases.links.insert(FORTH, behind);
        }),
        "bytes behind",
    );
    waits(&hold(&|stack| stack.databases.links.clear()), "no subscription");
    waits(
        &hold(&|stack| {
            stack.databases.front = Err(Failure::transiently("sql:connection", "refused"));
        }),
        "refused",
    );
    moved(&hold(&|stack| stack.databases.front_settings.clear()), "not told");
    moved(&hold(&|stack| stack.databases.unpublished.push("public.new")), "public.new");
    moved(&hold(&|stack| stack.databases.anonymous.push(("odd", "d", None))), "odd");
    moved(&hold(&|stack| stack.databases.old.set(super::sql::PREPARED, 1_u64)), "prepared");
    moved(
        &hold(&|stack| {
            let other = deployment("d9", digest('a'));
            stack.deployments.get_mut("litellm").unwrap().insert(0, other);
        }),
        "somebody else",
    );
    let mut own = copied();
    let rehearsed = own.made["rehearse-litellm"].clone();
    own.deployments.get_mut("litellm").unwrap().insert(0, rehearsed);
    assert!(matches!(given.observe(&own, "hold"), lockstep_sdk::Observation::Ready(_)));
    let mut soon = given.clone();
    soon.facts.push(Fact::one(crate::before_cut::LINKS_ENDED, 0_u64));
    waits(&soon.observe(&copied(), "hold"), "so soon");
    assert!(matches!(soon.observed(&copied(), "hold"), lockstep_sdk::Observation::Ready(_)));
}
