//! What clients and colleagues do meanwhile undoes no good upgrade, and what they can't have done passes none.

use lockstep_sdk::testing::{Given, deployment, digest, done, failed};
use lockstep_sdk::{DeploymentStatus, Fact, Facts, Observation, Progress};

use super::given::{canaried, kept, prepared};
use super::stack::{Stack, print};

const WAIT: &str = "bull:ingestion-queue:wait";

fn jobs(stack: &Stack, waiting: u64) -> Stack {
    let mut stack = stack.clone();
    stack.lists.insert(WAIT.to_owned(), waiting);
    stack
}

/// The version step, up to right before its new server starts.
fn stepping(stack: &Stack) -> Given {
    prepared(stack, "7.0.15").ready(stack, "upgrade")
}

#[test]
fn a_restart_that_scans_in_another_order_loses_no_jobs() {
    let mut stack = Stack::official("6.2.14");
    stack.lists.insert("bull:trace-upsert:wait".to_owned(), 4_000);
    let given = stepping(&stack);
    let mut after = stack.replaced_by("7.0.15");
    // Which keys a cut-off search finds depends on the hash seed; those known by name are found all the same.
    after.cut_off = true;
    done(&given.check(&after, "upgrade"));
    after.lists.remove("bull:trace-upsert:wait");
    failed(&given.check(&after, "upgrade"), "jobs");
}

#[test]
fn where_not_every_key_was_looked_at_no_queue_is_judged() {
    let mut stack = jobs(&Stack::official("6.2.14"), 4_000);
    stack.cut_off = true;
    let given = stepping(&stack);
    let after = jobs(&stack.replaced_by("7.0.15"), 0);
    done(&given.check(&after, "upgrade"));
    done(&given.check(&jobs(&after, 90_000), "smoke"));

    let mut busy = jobs(&Stack::official("7.2.3"), 100);
    busy.cut_off = true;
    busy.keys = (0..400).map(|id| print(id, "hash")).collect();
    let given = prepared(&busy, "7.2.4").ready(&busy, "upgrade");
    let mut after = busy.replaced_by("7.2.4");
    after.keys.truncate(20);
    done(&given.check(&after, "upgrade"));
}

#[test]
fn a_few_jobs_that_others_remove_are_not_missed() {
    let stack = jobs(&Stack::official("6.2.14"), 300);
    let given = stepping(&stack);
    let after = stack.replaced_by("7.0.15");
    done(&given.check(&jobs(&after, 270), "upgrade"));
    failed(&given.check(&jobs(&after, 269), "upgrade"), "jobs");
}

#[test]
fn clients_may_delete_and_change_lasting_keys_over_a_deploy() {
    let stack = Stack::official("6.2.14");
    let given = stepping(&stack);
    let mut after = stack.replaced_by("7.0.15");
    after.keys.remove(3);
    after.keys.iter_mut().take(9).for_each(|key| key.content.push('x'));
    done(&given.check(&after, "upgrade"));
    after.keys.iter_mut().for_each(|key| key.content.push('y'));
    failed(&given.check(&after, "upgrade"), "20 of 20 lasting keys");
}

#[test]
fn what_moved_since_the_first_look_is_not_expected_to_stand_still() {
    let stack = Stack::official("6.2.14");
    let given = canaried(&stack, "7.0.15");
    let mut busy = stack.clone();
    busy.keys.iter_mut().take(16).for_each(|key| key.content.push('1'));
    let given = given.ready(&busy, "final-save").ready(&busy, "upgrade");
    let mut after = busy.replaced_by("7.0.15");
    after.keys.iter_mut().take(16).for_each(|key| key.content.push('2'));
    done(&given.check(&after, "upgrade"));
}

#[test]
fn one_look_serves_the_last_save_and_the_upgrade_unless_a_person_slept_over_it() {
    let stack = Stack::official("6.2.14");
    let mut given = prepared(&stack, "7.0.15");
    let looks = |given: &Given| {
        let Observation::Ready(facts) = given.observe(&stack, "upgrade") else { panic!() };
        Facts(&facts).has("sample")
    };
    assert!(!looks(&given));
    given.now = 3 * 3_600_000;
    assert!(looks(&given));
}

#[test]
fn a_patch_finds_a_server_that_lost_more_than_its_worker_can_have_done() {
    let mut stack = jobs(&Stack::official("7.2.3"), 100);
    stack.keys = (0..400).map(|id| print(id, "hash")).collect();
    let given = prepared(&stack, "7.2.4").ready(&stack, "upgrade");
    let left = |keys: usize| {
        let mut after = jobs(&stack.replaced_by("7.2.4"), 0);
        after.keys.truncate(keys);
        given.check(&after, "upgrade")
    };
    assert!(matches!(left(300), Progress::Done(_)), "a hundred jobs are done");
    failed(&left(200), "keys that do not expire are left of 400");
    let mut truncated = stack.replaced_by("7.2.4");
    truncated.texts.remove("lockstep:mark:redis");
    failed(&given.check(&truncated, "upgrade"), "lockstep:mark:redis");
}

#[test]
fn no_way_back_is_done_without_the_last_acknowledged_writes() {
    for (from, to, step) in [("7.2.3", "7.2.4", "upgrade-undo"), ("6.2.14", "7.0.15", "back-start")]
    {
        let stack = Stack::official(from);
        let given = prepared(&stack, to).ready(&stack, "upgrade");
        let given = given.ready(&stack.replaced_by(to), step);
        done(&given.check(&stack, step));
        for key in ["lockstep:canary:redis", "lockstep:mark:redis"] {
            let mut lacking = stack.clone();
            lacking.texts.remove(key);
            failed(&given.check(&lacking, step), key);
        }
    }
}

#[test]
fn a_restored_volume_holds_what_the_last_backup_holds_however_late() {
    let stack = jobs(&Stack::official("6.2.14"), 500);
    let mut given = stepping(&stack);
    given.now = 24 * 3_600_000;
    let given = given.ready(&stack.replaced_by("7.0.15"), "back-start");
    done(&given.check(&stack, "back-start"));
    failed(&given.check(&jobs(&stack, 20), "back-start"), "jobs");
    let mut earlier = stack.clone();
    earlier.keys.iter_mut().for_each(|key| key.content.push('x'));
    failed(&given.check(&earlier, "back-start"), "lasting keys");
}

#[test]
fn a_server_that_was_never_replaced_may_have_lived_on() {
    let mut stack = Stack::official("6.2.14");
    let mut given = stepping(&stack);
    stack.effects.remove("deploy");
    given.now = 24 * 3_600_000;
    let given = given.ready(&stack, "back-start");
    stack.keys.iter_mut().for_each(|key| key.content.push('x'));
    done(&given.check(&jobs(&stack, 0), "back-start"));
}

#[test]
fn going_back_in_place_is_judged_by_the_new_server_if_that_was_right() {
    let stack = jobs(&Stack::official("7.2.3"), 2);
    let given = prepared(&stack, "7.2.4").ready(&stack, "upgrade");
    let mut late = stack.replaced_by("7.2.4");
    late.keys.iter_mut().for_each(|key| key.content.push('x'));
    let mut good = given.clone();
    good.facts.push(Fact::one("version-after", "7.2.4"));
    let good = good.ready(&late, "upgrade-undo");
    let back = |stack: &Stack, given: &Given| given.check(stack, "upgrade-undo");
    let mut former = late.replaced_by("7.2.3");
    assert!(matches!(back(&former, &good), Progress::Done(_)), "what changed since is not missed");
    // The new server was wrong: what it holds is not what the former one must hold.
    let wrong = given.ready(&late, "upgrade-undo");
    failed(&back(&former, &wrong), "lasting keys");
    former.keys.clear();
    failed(&back(&former, &good), "empty");
}

#[test]
fn a_staged_change_never_keeps_the_worker_down() {
    let stack = Stack::official("6.2.14");
    let given = stepping(&stack);
    let mut staged = stack.clone();
    staged.staged.push("litellm: a variable".to_owned());
    let see = |step: &str| given.observe(&staged, step);
    for step in ["worker-start", "smoke", "close"] {
        let Observation::Ready(facts) = see(step) else { panic!("{step}") };
        assert!(Facts(&facts).text("disturbed").unwrap().contains("litellm"), "{step}");
    }
    for step in ["mark", "final-save", "final-backup", "upgrade"] {
        assert!(matches!(see(step), Observation::Wait(_)), "{step}: the worker is stopped");
    }
    assert!(matches!(see("worker-stop"), Observation::Moved(_)), "the worker still runs");
    let replaced = given.look(&stack.replaced_by("6.2.16"), "upgrade", &[]);
    assert!(replaced.is_err(), "a failure goes back and starts the worker; a pause would not");
}

#[test]
fn a_deployment_under_way_is_waited_for_and_not_for_ever() {
    let stack = Stack::official("6.2.14");
    let given = stepping(&stack);
    let mut deploying = stack.clone();
    let mut newest = deployment("d9", digest('a'));
    newest.status = DeploymentStatus::InProgress("DEPLOYING".to_owned());
    deploying.deployments.get_mut("redis").unwrap().insert(0, newest);
    for step in ["keep", "pin", "save"] {
        let found = given.observe(&deploying, step);
        assert!(matches!(found, Observation::Wait(_)), "{step}");
    }
    let mut memo = Vec::new();
    for _ in 0..36 {
        let found = given.look(&deploying, "worker-start", &memo).unwrap();
        let Observation::Wait(pending) = found else { panic!("{found:?}") };
        memo = pending.memo;
    }
    let found = given.look(&deploying, "worker-start", &memo).unwrap();
    assert!(matches!(found, Observation::Ready(_)), "{found:?}");
}

#[test]
fn the_new_server_serves_until_its_volume_can_be_restored() {
    let mut stack = Stack::official("6.2.14");
    let given = stepping(&stack);
    stack.staged.push("litellm: a variable".to_owned());
    let see = |stack: &Stack| given.observe(stack, "back-stop");
    assert!(matches!(see(&stack), Observation::Wait(_)));
    stack.staged.clear();
    assert!(matches!(see(&stack), Observation::Ready(_)));
}

#[test]
fn an_evicted_canary_is_found_before_anything_is_changed() {
    let mut stack = Stack::official("6.2.14");
    let given = prepared(&stack, "7.0.15");
    stack.texts.remove("lockstep:canary:redis");
    let failure = given.look(&stack, "upgrade", &[]).unwrap_err();
    assert!(failure.line().contains("evicts"), "{failure:?}");
}

#[test]
fn the_last_look_is_not_taken_again_while_something_is_being_written() {
    let mut stack = Stack::official("6.2.14");
    let given = canaried(&stack, "7.0.15");
    stack.info.insert("aof_rewrite_in_progress".to_owned(), "1".to_owned());
    let see = |stack: &Stack, memo: &[Fact]| given.look(stack, "final-save", memo).unwrap();
    let Observation::Wait(pending) = see(&stack, &[]) else { panic!() };
    stack.info.insert("aof_rewrite_in_progress".to_owned(), "0".to_owned());
    stack.keys.clear();
    let Observation::Ready(facts) = see(&stack, &pending.memo) else { panic!() };
    assert_eq!(Facts(&facts).count("keys"), Ok(20));
}

#[test]
fn what_answered_before_must_answer_again() {
    let mut stack = Stack::official("6.2.14");
    let given = kept(&stack, "7.0.15");
    done(&given.check(&stack, "smoke"));
    stack.http = 503;
    assert!(matches!(given.check(&stack, "smoke"), Progress::Pending(_)));
}

#[test]
fn a_busy_hour_is_no_failure_and_jobs_that_nobody_takes_are_one() {
    let stack = Stack::official("6.2.14");
    let given = kept(&stack, "7.0.15");
    let look =
        |waiting: u64, memo: &[Fact]| given.ask(&jobs(&stack, waiting), "smoke", memo).unwrap();
    let Progress::Pending(pending) = look(500, &[]) else { panic!("not pending") };
    assert!(matches!(look(499, &pending.memo), Progress::Done(_)), "one was taken");
    let mut working = jobs(&stack, 90_000);
    working.lists.insert("bull:ingestion-queue:active".to_owned(), 1);
    done(&given.check(&working, "smoke"));

    let mut memo = Vec::new();
    for more in 0..60 {
        let Progress::Pending(pending) = look(500 + more, &memo) else { panic!("not pending") };
        memo = pending.memo;
    }
    failed(&look(600, &memo), "nobody takes any");
    let mut later = stack.clone();
    later.lists.insert("bull:ingestion-queue:delayed".to_owned(), 90_000);
    done(&given.check(&later, "smoke"));
}
