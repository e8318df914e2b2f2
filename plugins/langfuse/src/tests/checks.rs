//! What steps demand before they start and before they are done.

use lockstep_sdk::testing::{
    Given, RUN, Tapped, backup, deployment as plain, digest, done, failed, moved, pending,
};
use lockstep_sdk::{DeploymentStatus, Fact, Facts, Failure, Observation, Progress, StepCall};

use super::given::{kept, kept_for};
use super::plans::last_three;
use super::stack::Stack;
use super::traces::Performed;
use crate::apply::apply;
use crate::background::tests::migration;
use crate::background::{BACKFILL, Migration};
use crate::check::check;
use crate::observe::observe;

fn given() -> Given {
    kept(&Stack::healthy())
}

/// What the steps from the web service on are given.
fn migrating() -> Given {
    given().ready(&Stack::healthy(), "web")
}

#[test]
fn the_run_begins_only_with_the_stack_that_the_plan_was_made_for() {
    let bare = Given { facts: Vec::new(), ..given() };
    let moves = |change: fn(&mut Stack), part: &str| {
        let mut stack = Stack::healthy();
        change(&mut stack);
        moved(&bare.observe(&stack, "keep"), part);
    };
    moves(|it| it.services.retain(|service| service.name != "clickhouse"), "`clickhouse` is gone");
    moves(|it| it.staged.push("x".to_owned()), "staged");
    moves(|it| it.answers.version = "3.169.0", "3.169.0, and the plan was made for 3.170.0");
    moves(|it| it.answers.ready = 503, "not ready");
    moves(|it| it.answers.worker = 500, "the worker");
    moves(|it| it.databases.unended.push(("half", "")), "never ended");
    moves(|it| it.databases.history = Some((35, 1)), "ClickHouse is dirty: its migration 35");
    moves(
        |it| it.deployments.get_mut("langfuse-worker").unwrap()[0].digest = Some(digest('9')),
        "`langfuse-worker` runs",
    );
    assert!(matches!(bare.observe(&Stack::healthy(), "keep"), Observation::Ready(_)));
}

#[test]
fn pins_settings_and_patience_must_stand() {
    let mut stack = Stack::healthy();
    failed(&given().check(&stack, "pin"), "`langfuse-web` is set to");
    for (service, image, digit) in [
        ("langfuse-web", "langfuse/langfuse", '7'),
        ("langfuse-worker", "langfuse/langfuse-worker", '8'),
    ] {
        stack.service(service).image = Some(format!("{image}:3.170.0@{}", digest(digit)));
    }
    done(&given().check(&stack, "pin"));
    failed(&given().check(&stack, "grace"), "draining-seconds");
    stack.setting("langfuse-web", "draining-seconds", "120");
    stack.setting("langfuse-web", "overlap-seconds", "10");
    failed(&given().check(&stack, "grace"), "`langfuse-worker`");
    stack.setting("langfuse-worker", "draining-seconds", "90");
    done(&given().check(&stack, "grace"));
    failed(&given().check(&stack, "patience"), "was to wait 3600");
    stack.setting("langfuse-web", "healthcheck-timeout", "3600");
    done(&given().check(&stack, "patience"));
    failed(&given().check(&stack, "close"), "was to wait 300");
    stack.setting("langfuse-web", "healthcheck-timeout", "300");
    done(&given().check(&stack, "close"));
}

#[test]
fn what_can_not_be_deployed_as_it_is_is_found_while_nothing_has_changed() {
    let mut stack = Stack::healthy();
    pending(&given().check(&stack, "dry"), "not listed yet");
    stack.deployed("dry-web", '7', DeploymentStatus::Success);
    stack.deployed("dry-worker", '8', DeploymentStatus::Failed("health check".to_owned()));
    failed(&given().check(&stack, "dry"), "`langfuse-worker` failed: health check");
    stack.deployed("dry-worker", '9', DeploymentStatus::Success);
    failed(&given().check(&stack, "dry"), "was to run 888888888888");
    stack.deployed("dry-worker", '8', DeploymentStatus::Success);
    done(&given().check(&stack, "dry"));
    stack.answers.worker = 500;
    pending(&given().check(&stack, "dry"), "the worker's");
}

#[test]
fn each_volume_has_a_locked_backup_of_this_run() {
    let mut stack = Stack::healthy();
    let given = given();
    for (step, service) in [
        ("backup-postgres", "postgres"),
        ("backup-clickhouse", "clickhouse"),
        ("backup-storage", "minio"),
    ] {
        pending(&given.check(&stack, step), "not listed yet");
        let made = backup(&format!("lockstep-{RUN}-{step}"), given.now);
        stack.backups.insert(service.to_owned(), vec![made]);
        done(&given.check(&stack, step));
    }
}

#[test]
fn nothing_is_migrated_once_somebody_else_has_touched_it() {
    let given = given();
    let moves = |change: fn(&mut Stack), part: &str| {
        let mut stack = Stack::healthy();
        change(&mut stack);
        moved(&given.observe(&stack, "web"), part);
    };
    let foreign = |it: &mut Stack, name: &str, digit| {
        it.deployments.get_mut(name).unwrap().insert(0, plain("d9", digest(digit)));
    };
    moves(
        |it| it.set("langfuse-web", "ENCRYPTION_KEY", "***other"),
        "`ENCRYPTION_KEY` is another one",
    );
    moves(|it| it.databases.history = Some((35, 1)), "dirty");
    let mut stack = Stack::healthy();
    foreign(&mut stack, "langfuse-worker", '8');
    moved(&given.observe(&stack, "web"), "somebody else has deployed `langfuse-worker`");
}

#[test]
fn the_web_service_must_have_migrated_everything_to_its_end() {
    let given = migrating();
    let mut stack = Stack::healthy();
    pending(&given.check(&stack, "web"), "ClickHouse's migration 34 has ended");
    stack.databases.history = Some((36, 1));
    stack.deployed("web-deploy", 'a', DeploymentStatus::InProgress("DEPLOYING".to_owned()));
    pending(&given.check(&stack, "web"), "ClickHouse's migration 36 has not ended");
    stack.deployed("web-deploy", 'a', DeploymentStatus::Failed("health check".to_owned()));
    failed(&given.check(&stack, "web"), "health check; ClickHouse's migration 36 has not ended");
    let mut stack = Stack::healthy().switched();
    let recorded = given.check(&stack, "web");
    assert_eq!(Facts(done(&recorded)).rows("missed").unwrap(), [] as [Vec<_>; 0]);
    stack.databases.history = Some((36, 1));
    failed(&given.check(&stack, "web"), "ClickHouse is dirty");
    stack.databases.history = Some((37, 0));
    stack.databases.unended.push(("20260101_half", ""));
    failed(&given.check(&stack, "web"), "20260101_half");
    stack.databases.unended.clear();
    stack.answers.version = "3.170.0";
    pending(&given.check(&stack, "web"), "says that it is 3.170.0, and 3.225.4 was deployed");
    failed(&given.checked(&stack, "web"), "3.225.4 was deployed");
}

#[test]
fn a_migration_that_takes_the_way_back_away_stops_before_the_worker() {
    let given = migrating();
    let mut stack = Stack::healthy().switched();
    assert!(matches!(given.observe(&stack, "worker"), Observation::Ready(_)));
    stack.databases.tables.retain(|(table, _)| *table != "prompts");
    stack.databases.columns.retain(|(_, column)| *column != "name");
    let recorded = given.check(&stack, "web");
    assert_eq!(Facts(done(&recorded)).rows("missed").unwrap().len(), 2);
    let why = moved(
        &given.observe(&stack, "worker"),
        "table prompts is gone; ClickHouse: column traces.name is gone",
    );
    let accepted = given.with([Fact::one("accepted", why)]);
    assert!(matches!(accepted.observe(&stack, "worker"), Observation::Ready(_)));
}

#[test]
fn the_worker_must_work_with_the_image_that_it_should_have() {
    let given = migrating();
    let mut stack = Stack::healthy().switched();
    done(&given.check(&stack, "worker"));
    stack.answers.worker = 500;
    pending(&given.check(&stack, "worker"), "answers 500");
    stack.deployed("worker-deploy", '8', DeploymentStatus::Success);
    failed(&given.check(&stack, "worker"), "was to run bbbbbbbbbbbb");
}

/// A stack whose worker has one migration to do, and the sign of life that it gives.
fn working(state: &str, beat: Option<u64>) -> Stack {
    let mut stack = Stack::healthy().switched();
    let one = Migration { state: state.to_owned(), beat, ..migration("20260101_later") };
    stack.databases.background.push(one);
    stack
}

#[test]
fn what_goes_on_in_the_background_is_followed_to_its_end() {
    let given = migrating();
    let begun = given.check(&working("{}", None), "background");
    pending(&begun, "20260101_later: not begun");
    let Progress::Pending(first) = begun else { unreachable!() };
    assert_eq!((first.done, first.total), (Some(3), Some(4)));
    let moving = working("{\"maxDate\":\"2026-01-01\"}", Some(4));
    let Ok(Progress::Pending(second)) = given.ask(&moving, "background", &first.memo) else {
        panic!()
    };
    assert!(second.note.contains("maxDate"), "{}", second.note);
    let mut stack = working("{}", None);
    stack.databases.background[3].finished = true;
    done(&given.check(&stack, "background"));
    stack.databases.background[3].finished = false;
    stack.databases.background[3].failed = Some("timeout".to_owned());
    failed(
        &given.check(&stack, "background"),
        "20260101_later: timeout. To go on, see why it failed",
    );
}

#[test]
fn what_stands_still_and_is_worked_on_by_nobody_is_found() {
    let given = migrating();
    let left = working("{\"maxDate\":\"2026-01-01\"}", Some(600));
    failed(&given.checked(&left, "background"), "has not moved for 15 min");
    let mut memo = Vec::new();
    let slow = working("{\"maxDate\":\"2026-01-01\"}", Some(10));
    for _ in 0..400 {
        match given.ask(&slow, "background", &memo).unwrap() {
            Progress::Pending(pending) => memo = pending.memo,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn version_4_is_not_started_on_what_is_not_moved_whoever_says_so() {
    let given = kept_for(&last_three(), "4.16.0");
    assert!(matches!(given.observe(&last_three(), "web"), Observation::Ready(_)));
    let mut late = last_three();
    late.databases.background.push(migration("20241024_1738_migrate_scores_from_pg_to_ch"));
    let why = moved(&given.observe(&late, "web"), "not moved yet: 20241024_1738");
    let accepted = given.with([Fact::one("accepted", why)]);
    moved(&accepted.observe(&late, "web"), "not moved yet");
    let mut fewer = last_three();
    fewer.databases.rows = 10;
    let why =
        moved(&given.observe(&fewer, "web"), "it has fewer of `observations`, `scores`, `traces`");
    fewer.databases.rows = 11;
    let accepted = given.with([Fact::one("accepted", why)]);
    assert!(
        matches!(accepted.observe(&fewer, "web"), Observation::Ready(_)),
        "its text has no figures"
    );
    // More rows prove nothing where no migration says that it has moved them.
    let mut unsaid = last_three();
    unsaid.databases.background.remove(2);
    let why = moved(&given.observe(&unsaid, "web"), "has moved `scores`");
    let accepted = given.with([Fact::one("accepted", why)]);
    moved(&accepted.observe(&unsaid, "web"), "has moved `scores`");
}

#[test]
fn version_4_is_started_in_a_round_of_its_own_before_which_everything_is_looked_at_again() {
    let given = kept_for(&last_three(), "4.16.0").ready(&last_three(), "web");
    assert!(matches!(given.check(&last_three(), "web"), Progress::Again(_)), "the image is set");
    let performed = Performed::default();
    let call = |round| StepCall { round, ..given.call("web") };
    for round in [1, 2] {
        assert_eq!(apply(&performed, &call(round)).unwrap(), []);
    }
    let labels: Vec<String> = performed.0.borrow().iter().map(|(label, _)| label.clone()).collect();
    assert_eq!(labels, ["web-mode", "web-image", "web-deploy"]);
    let second = check(&Tapped::on(&last_three()), &call(2), &[]).unwrap();
    pending(&second, "not listed yet");
    // What was opened anew between both rounds keeps the second one from beginning.
    let mut late = last_three();
    late.databases.background[2].finished = false;
    let found = observe(&Tapped::on(&late), &call(2)).unwrap();
    moved(&found, "not moved yet: 20241024_1738");
}

#[test]
fn a_web_service_that_is_kept_from_migrating_is_let_migrate_in_the_first_round() {
    let mut frozen = last_three();
    frozen.set("langfuse-web", "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", "true");
    let given = kept_for(&frozen, "4.16.0");
    let performed = Performed::default();
    assert_eq!(apply(&performed, &given.call("web")).unwrap(), []);
    assert_eq!(performed.0.borrow()[0].0, "web-migrates");
}

#[test]
fn what_version_4_writes_anew_is_waited_for_and_is_not_done_while_it_is_kept_from_it() {
    let backfill =
        || Migration { gate: Some(BACKFILL.to_owned()), ..migration("20260701_v4_step_1") };
    let mut stack = last_three();
    stack.databases.background.push(backfill());
    let given = kept_for(&stack, "4.16.0");
    pending(&given.check(&stack, "background"), "20260701_v4_step_1: not begun");
    stack.set("langfuse-worker", BACKFILL, "false");
    failed(&given.check(&stack, "background"), "is not written anew for version 4");
    stack.unset("langfuse-worker", BACKFILL);
    stack.databases.background[3].finished = true;
    done(&given.check(&stack, "background"));
}

#[test]
fn a_step_that_is_none_is_named() {
    let given = given();
    assert!(given.look(&Stack::healthy(), "other", &[]).is_err());
    assert!(given.ask(&Stack::healthy(), "other", &[]).is_err());
}

#[test]
fn a_service_that_starts_is_waited_for() {
    let given = migrating();
    let mut stack = Stack::healthy().switched();
    stack.answers.down = Some(Failure::transiently("http:connection", "refused"));
    pending(&given.check(&stack, "soak"), "waiting for the web service");
    stack.answers.down = None;
    done(&given.check(&stack, "soak"));
}
