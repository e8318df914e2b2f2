//! The copy, the job, and what both make of the database.

use lockstep_sdk::testing::{Given, done, failed, moved, pending};
use lockstep_sdk::{DeploymentStatus, Fact, Failure, Observation, Progress};

use super::given::{TO, kept, kept_with};
use super::sql::{NOTES, REHEARSAL};
use super::stack::Stack;

/// A stack in whose run the copy was made.
fn copied() -> Stack {
    let mut stack = Stack::healthy();
    for label in ["schema-before", "schema-after", "carry"] {
        stack.began(label);
    }
    stack
}

/// The same after the job migrated the copy and ended well.
fn rehearsed() -> Stack {
    let mut stack = copied();
    stack.databases.rehearsed();
    stack.deployed("rehearse", 'c', DeploymentStatus::Stopped);
    stack
}

/// The same after the job migrated the database.
pub(super) fn migrated() -> Stack {
    let mut stack = rehearsed();
    stack.databases.migrated();
    stack.deployed("migrate", 'c', DeploymentStatus::Stopped);
    stack
}

fn given() -> Given {
    kept(&Stack::healthy())
}

#[test]
fn the_database_of_the_rehearsal_must_be_there_and_then_gone() {
    let mut stack = Stack::healthy();
    failed(&given().check(&stack, "scratch"), "not there");
    done(&given().check(&stack, "scratch-undo"));
    done(&given().check(&stack, "migrated"));
    stack.databases.truths[REHEARSAL] = true;
    done(&given().check(&stack, "scratch"));
    failed(&given().check(&stack, "migrated"), "still there");
}

#[test]
fn a_copy_has_every_object_and_the_whole_history() {
    let stack = copied();
    assert_eq!(done(&given().check(&stack, "schema")), [Fact::one("history", 2_u64)]);
    let mut viewed = stack.clone();
    for view in ["MonthlyGlobalSpend", "LiteLLM_VerificationTokenView"] {
        viewed.databases.objects.push(("view", view, "", "made at a start", false));
    }
    done(&given().check(&viewed, "schema"));
    viewed.databases.objects.push(("view", "somebodys", "", "", false));
    failed(&given().check(&viewed, "schema"), "view somebodys is gone");
    let mut lacking = stack.clone();
    lacking.databases.copied.truncate(4);
    failed(&given().check(&lacking, "schema"), "table projects is gone");
    let mut without = stack.clone();
    without.databases.copied_ended.pop();
    failed(&given().check(&without, "schema"), "2 migrations, and 1");
    let mut under_way = stack.clone();
    under_way.effects.remove("carry");
    pending(&given().check(&under_way, "schema"), "being copied");
    let mut broken = stack;
    broken.broke("schema-after", Failure::permanently("sql:x", "no such type"));
    failed(&given().check(&broken, "schema"), "no such type");
}

#[test]
fn a_rehearsal_that_only_adds_is_good_and_tells_what_it_did() {
    let progress = given().check(&rehearsed(), "rehearse");
    let facts = done(&progress);
    let rows = |name: &str| facts.iter().find(|fact| fact.name == name).unwrap().rows.clone();
    assert_eq!(rows("added"), [["column LiteLLM_SpendLogs.agent_id is new".into()]]);
    assert_eq!(rows("migrations"), [["20260101_agents".into()]]);
    assert_eq!(rows("seconds"), [[13_u64.into()]]);
    assert!(rows("strained").is_empty() && rows("breaking").is_empty());
}

#[test]
fn a_job_that_does_not_end_well_says_what_it_said() {
    let mut stack = rehearsed();
    stack.made.clear();
    pending(&given().check(&stack, "rehearse"), "not listed yet");
    stack.wrote(&["Running prisma\u{1b}[31m migrate deploy\n"]);
    stack.deployed("rehearse", 'c', DeploymentStatus::Success);
    pending(&given().check(&stack, "rehearse"), "Running prisma [31m migrate deploy");
    stack.deployed("rehearse", 'c', DeploymentStatus::Crashed);
    failed(&given().check(&stack, "rehearse"), "the job crashed. It said: Running prisma");
    stack.deployed("rehearse", 'c', DeploymentStatus::Failed("no such file".to_owned()));
    failed(&given().check(&stack, "rehearse"), "no such file");
}

#[test]
fn a_migration_that_failed_while_the_job_ended_well_is_caught() {
    let mut stack = rehearsed();
    stack.databases.copied_unended.push(("20260101_agents", "deadlock detected"));
    failed(&given().check(&stack, "rehearse"), "20260101_agents: deadlock detected");
    let mut stack = migrated();
    stack.databases.unended.push(("20260101_agents", "canceled"));
    failed(&given().check(&stack, "migrate"), "migrations did not: 20260101_agents: canceled");
}

#[test]
fn a_migration_that_drops_others_tables_is_caught_before_it_is_run() {
    let mut stack = rehearsed();
    stack.databases.copied.retain(|object| object.1 != "projects");
    failed(&given().check(&stack, "rehearse"), "table projects is gone");
    failed(&given().check(&stack, "rehearse"), "Nothing has been done to the database");
    // No option accepts that.
    let accepted = kept_with(&Stack::healthy(), TO, &[("destructive", "accepted")]);
    failed(&accepted.check(&stack, "rehearse"), "not LiteLLM's");
}

#[test]
fn a_migration_that_the_former_version_can_not_live_with_needs_to_be_accepted_in_the_plan() {
    let mut stack = rehearsed();
    stack.databases.copied.retain(|object| object.2 != "request_id");
    failed(&given().check(&stack, "rehearse"), "destructive = \"accepted\"");
    let accepted = kept_with(&Stack::healthy(), TO, &[("destructive", "accepted")]);
    let progress = accepted.check(&stack, "rehearse");
    let breaking = done(&progress).iter().find(|fact| fact.name == "breaking").unwrap();
    assert_eq!(breaking.rows, [["column LiteLLM_SpendLogs.request_id is gone".into()]]);
}

#[test]
fn what_the_former_version_may_fail_to_write_is_accepted_by_a_person_first() {
    let mut stack = rehearsed();
    stack.databases.copied[2].3 = "CREATE UNIQUE INDEX over more";
    let mut given = given().after(&stack, "rehearse");
    let why =
        moved(&given.observe(&stack, "migrate"), "index LiteLLM_SpendLogs.spend_by_day is changed");
    for part in [
        "1.80.0 may write no spend at all, neither rows",
        "531 calls in 32 s and wrote 0 rows",
        "its start and 30 s of overlap",
        "comes back for as long as 1.80.0 serves if you go back",
        "let no call reach the proxy from 30 s before you go on",
        "until step `smoke` begins",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    given.facts.push(Fact::one("accepted", "something else"));
    moved(&given.observe(&stack, "migrate"), "spend_by_day");
    given.facts.push(Fact::one("accepted", why));
    assert!(matches!(given.observe(&stack, "migrate"), Observation::Ready(_)));
}

#[test]
fn a_rehearsal_that_found_nothing_to_do_is_doubted() {
    let mut stack = copied();
    stack.deployed("rehearse", 'c', DeploymentStatus::Stopped);
    stack.wrote(&["Unable to connect to DB"]);
    let mut given = given().after(&stack, "rehearse");
    let why = moved(&given.observe(&stack, "migrate"), "either 1.84.0 needs none, or its script");
    assert!(why.ends_with("It said: Unable to connect to DB"), "{why}");
    given.facts.push(Fact::one("accepted", why));
    assert!(matches!(given.observe(&stack, "migrate"), Observation::Ready(_)));
}

#[test]
fn nobody_migrates_over_what_somebody_else_does() {
    let given = given().after(&rehearsed(), "rehearse");
    assert!(matches!(given.observe(&rehearsed(), "migrate"), Observation::Ready(_)));
    let mut stack = rehearsed();
    stack.databases.unended.push(("half", ""));
    moved(&given.observe(&stack, "migrate"), "never ended: half");
    let mut stack = rehearsed();
    stack.staged.push("x".to_owned());
    moved(&given.observe(&stack, "migrate"), "staged");
    let mut stack = rehearsed();
    stack.deployments.get_mut("litellm").unwrap()[0].id = "d9".to_owned();
    moved(&given.observe(&stack, "migrate"), "somebody else has deployed `litellm`");
}

#[test]
fn the_database_must_become_what_the_copy_became() {
    let given = given().after(&rehearsed(), "rehearse");
    done(&given.check(&migrated(), "migrate"));
    let mut less = migrated();
    less.databases.objects.pop();
    failed(&given.check(&less, "migrate"), "column LiteLLM_SpendLogs.agent_id is new");
    let mut more = migrated();
    more.databases.objects.push(("table", "other", "", "r", false));
    failed(&given.check(&more, "migrate"), "table other is gone");
    let mut unnamed = migrated();
    unnamed.databases.ended.pop();
    failed(&given.check(&unnamed, "migrate"), "20260101_agents");
}

#[test]
fn on_the_way_back_the_job_is_stopped_and_the_notes_are_gone() {
    let mut stack = migrated();
    stack.databases.truths[NOTES] = true;
    failed(&given().check(&stack, "migrate-undo"), "lockstep_litellm");
    stack.databases.truths[NOTES] = false;
    done(&given().check(&stack, "migrate-undo"));
    let mut job = stack.services[0].clone();
    job.name = "litellm-migration".to_owned();
    stack.services.push(job);
    stack
        .deployments
        .insert("litellm-migration".to_owned(), vec![super::stack::deployment("j1", 'c')]);
    pending(&given().check(&stack, "migrate-undo"), "is up");
    done(&given().check(&stack, "rehearse-undo"));
    let close = given().check(&stack, "close");
    assert!(matches!(&close, Progress::Pending(_)), "{close:?}");
    stack.services.pop();
    done(&given().check(&stack, "close"));
    done(&given().check(&stack, "rehearse-undo"));
}
