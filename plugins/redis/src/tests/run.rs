//! What steps find before they start and demand when they are done.

use lockstep_sdk::testing::{Given, backup, deployment, digest, failed, moved};
use lockstep_sdk::{Backup, Fact, Facts, Failure, Observation, Progress, Verdict};

use super::given::{kept, planned, prepared};
use super::stack::Stack;
use crate::probe::probe;

#[test]
fn an_upgrade_is_done_when_version_settings_and_data_are_right() {
    let stack = Stack::official("6.2.14");
    let given = prepared(&stack, "7.0.15").ready(&stack, "upgrade");
    let done = |stack: &Stack| given.check(stack, "upgrade");
    assert!(matches!(done(&stack.replaced_by("7.0.15")), Progress::Done(_)));
    assert!(matches!(done(&stack), Progress::Pending(_)), "the former server still answers");
    failed(&done(&stack.replaced_by("7.2.4")), "should be 7.0.15");

    let mut empty = stack.replaced_by("7.0.15");
    empty.keys.clear();
    failed(&done(&empty), "empty");
    let mut evicting = stack.replaced_by("7.0.15");
    evicting.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    failed(&done(&evicting), "maxmemory-policy");
    let mut unsafe_now = stack.replaced_by("7.0.15");
    unsafe_now.info.insert("aof_enabled".to_owned(), "0".to_owned());
    failed(&done(&unsafe_now), "append-only");
    let mut jobless = stack.replaced_by("7.0.15");
    jobless.lists.insert("bull:ingestion-queue:wait".to_owned(), 1);
    failed(&done(&jobless), "jobs");
    let mut forgetful = stack.replaced_by("7.0.15");
    forgetful.texts.clear();
    failed(&done(&forgetful), "canary");
}

#[test]
fn a_server_that_is_coming_up_is_waited_for() {
    let stack = Stack::official("6.2.14");
    let given = kept(&stack, "7.0.15").ready(&stack, "upgrade");
    let mut down = stack.replaced_by("7.0.15");
    down.down = Some(Failure::transiently("redis:loading", "the server is loading"));
    assert!(matches!(given.check(&down, "upgrade"), Progress::Pending(_)));
    let mut loading = stack.replaced_by("7.0.15");
    loading.info.insert("loading".to_owned(), "1".to_owned());
    assert!(matches!(given.check(&loading, "upgrade"), Progress::Pending(_)));
    let mut closed = stack.replaced_by("7.0.15");
    closed.down = Some(Failure::permanently("redis:noauth", "the password is refused"));
    assert!(given.ask(&closed, "upgrade", &[]).is_err());
}

#[test]
fn a_stack_that_moved_since_the_plan_is_not_touched() {
    let stack = Stack::official("7.2.3");
    let given = kept(&stack, "7.2.4");
    let moved = |stack: &Stack, part: &str| {
        moved(&given.observe(stack, "upgrade"), part);
    };
    moved(&stack.replaced_by("7.2.2"), "7.2.2");
    let mut staged = stack.clone();
    staged.staged.push("x".to_owned());
    moved(&staged, "staged");
    let mut deployed = stack.clone();
    deployed.deployments.get_mut("redis").unwrap().insert(0, deployment("d9", digest('a')));
    moved(&deployed, "somebody else has deployed");
    let mut replica = stack.clone();
    replica.info.insert("role".to_owned(), "slave".to_owned());
    moved(&replica, "primary");
    let mut followed = stack.clone();
    followed.info.insert("connected_slaves".to_owned(), "2".to_owned());
    moved(&followed, "replicas follow");
    let mut watched = stack.clone();
    watched.sessions.push_str("id=3 addr=10.0.0.3:7 name=sentinel-0a1b2c3d-cmd user=default\n");
    moved(&watched, "sentinels");
}

#[test]
fn a_plan_for_another_image_does_not_begin() {
    let stack = Stack::official("6.2.14");
    let given = planned(&stack, "7.0.15");
    let mut other = stack.clone();
    other.deployments.insert("redis".to_owned(), vec![deployment("d1", digest('f'))]);
    let found = given.observe(&other, "keep");
    assert!(matches!(found, Observation::Moved(why) if why.contains("another image")));
}

#[test]
fn a_save_is_proven_by_the_servers_own_count_or_clock() {
    let mut stack = Stack::official("6.2.14");
    let given = kept(&stack, "7.0.15").ready(&stack, "save");
    let look = |stack: &Stack| given.check(stack, "save");
    assert!(matches!(look(&stack), Progress::Pending(_)), "BGSAVE answers before it has begun");
    stack.info.insert("rdb_bgsave_in_progress".to_owned(), "1".to_owned());
    assert!(matches!(look(&stack), Progress::Pending(_)));
    stack.info.insert("rdb_bgsave_in_progress".to_owned(), "0".to_owned());
    stack.info.insert("rdb_last_save_time".to_owned(), "201".to_owned());
    assert!(matches!(look(&stack), Progress::Done(_)));
    stack.info.insert("rdb_last_bgsave_status".to_owned(), "err".to_owned());
    failed(&look(&stack), "failed");
    stack.info.insert("run_id".to_owned(), "r2".to_owned());
    failed(&look(&stack), "restarted");
}

#[test]
fn a_backup_counts_when_it_is_this_steps_own_and_locked() {
    let mut stack = Stack::official("6.2.14");
    let others = ["daily", "lockstep-r-final-backup", "lockstep-other-backup"];
    stack.backups.insert("redis".to_owned(), others.map(|name| backup(name, 1)).into());
    let mut given = kept(&stack, "7.0.15");
    let look = |stack: &Stack, given: &Given| given.check(stack, "backup");
    assert!(matches!(look(&stack, &given), Progress::Pending(_)), "none of these is this one");
    let own = Backup { locked: false, ..backup("lockstep-r-backup", 1) };
    stack.backups.get_mut("redis").unwrap().insert(0, own);
    assert!(matches!(look(&stack, &given), Progress::Pending(_)));
    stack.backups.get_mut("redis").unwrap()[0].locked = true;
    assert!(
        matches!(look(&stack, &given), Progress::Done(facts) if Facts(&facts).text("backup") == Ok("lockstep-r-backup"))
    );
    given.now = 3_600_000;
    failed(&look(&stack, &given), "before this step began");
}

#[test]
fn the_way_back_never_ends_in_an_empty_server() {
    let stack = Stack::official("6.2.14");
    let given = prepared(&stack, "7.0.15").ready(&stack, "back-start");
    let look = |stack: &Stack| given.check(stack, "back-start");
    assert!(matches!(look(&stack), Progress::Done(_)));
    let mut empty = stack.clone();
    empty.keys.clear();
    failed(&look(&empty), "empty");
    failed(&look(&stack.replaced_by("7.0.15")), "should be 6.2.14");

    let mut unmounted = stack.clone();
    unmounted.redis().volume = None;
    failed(&given.check(&unmounted, "back-restore"), "empty server");
    let mut unstarted = stack.clone();
    unstarted.effects.clear();
    for step in ["back-stop", "back-restore"] {
        let found = given.observe(&unstarted, step);
        assert!(
            matches!(found, Observation::NothingToDo(_)),
            "{step}: a server that was never replaced is left alone"
        );
    }
    let mut nothing = stack.clone();
    nothing.deployments.insert("redis".to_owned(), Vec::new());
    assert!(matches!(given.observe(&nothing, "back-stop"), Observation::NothingToDo(_)));
}

#[test]
fn a_server_without_the_data_is_not_saved_over_the_last_save() {
    let mut stack = Stack::bitnami();
    stack.info.insert("aof_enabled".to_owned(), "0".to_owned());
    stack.config.insert("appendonly".to_owned(), "no".to_owned());
    let given = kept(&stack, "7.2.4");
    let found = |stack: &Stack| given.observe(stack, "back-save");
    assert!(matches!(found(&stack), Observation::Ready(_)));
    let mut empty = stack.clone();
    empty.texts.clear();
    assert!(matches!(found(&empty), Observation::Moved(why) if why.contains("by hand")));
    let mut down = stack.clone();
    down.deployments.insert("redis".to_owned(), Vec::new());
    assert!(matches!(found(&down), Observation::NothingToDo(_)));
    let mut unstarted = stack.clone();
    unstarted.effects.clear();
    assert!(matches!(found(&unstarted), Observation::NothingToDo(_)));
    // What the official image wrote is read as root only, so the variable stays once it has run.
    let user = |stack: &Stack| given.observe(stack, "user-undo");
    assert!(matches!(user(&stack), Observation::NothingToDo(_)));
    assert!(matches!(user(&unstarted), Observation::Ready(_)));
}

#[test]
fn an_empty_server_does_not_lower_what_its_rollback_demands() {
    let stack = Stack::official("7.2.3");
    let given = prepared(&stack, "7.2.4").ready(&stack, "upgrade");
    let mut empty = stack.replaced_by("7.2.4");
    empty.keys.clear();
    let given = given.ready(&empty, "upgrade-undo");
    let mut back = empty.replaced_by("7.2.3");
    back.info.insert("run_id".to_owned(), "r3".to_owned());
    failed(&given.check(&back, "upgrade-undo"), "empty");
}

#[test]
fn watches_tell_failing_from_not_knowing() {
    let mut stack = Stack::official("6.2.14");
    let mut given = kept(&stack, "7.0.15");
    let look =
        |stack: &Stack, watch: &str, given: &Given| given.probe(stack, watch, "smoke").verdict;
    assert_eq!(look(&stack, "serving", &given), Verdict::Pass);
    stack.texts.clear();
    assert_eq!(look(&stack, "canary", &given), Verdict::Pass, "not written yet");
    given.facts.push(Fact::one("canary", true));
    assert_eq!(look(&stack, "canary", &given), Verdict::Fail);
    stack.down = Some(Failure::transiently("redis:unreachable", "could not reach the server"));
    assert_eq!(look(&stack, "canary", &given), Verdict::Unknown);
    assert_eq!(look(&stack, "serving", &given), Verdict::Fail);
    assert!(probe(&stack, "other", &given.call("smoke")).is_err());
}
