//! What each step finds and whether it has reached its end.

use lockstep_sdk::{Backup, DeploymentStatus, Failure, Observation, Progress, StepCall, Verdict};

use super::plans::planned;
use super::stack::Stack;
use crate::check::check;
use crate::observe::observe;
use crate::probe::probe;

/// A call about a step of the plan that was made for `planned_on`.
fn call(step: &str, planned_on: &Stack) -> StepCall {
    let parameters = planned(planned_on).0.parameters;
    let (run, now) = ("r-1".to_owned(), 1_700_000_000_000);
    StepCall { step: step.to_owned(), run, round: 1, now, parameters, facts: Vec::new() }
}

fn is_done(stack: &Stack, step: &str) -> bool {
    matches!(check(stack, &call(step, &Stack::as_written()), &[]).unwrap(), Progress::Done(_))
}

#[track_caller]
fn failed(stack: &Stack, step: &str, part: &str) {
    let Progress::Failed(why) = check(stack, &call(step, &Stack::as_written()), &[]).unwrap()
    else {
        panic!("{step} is not failed");
    };
    assert!(why.contains(part), "{why}");
}

#[test]
fn pins_paths_and_times_are_looked_at_where_they_stand() {
    let safe = Stack::safe();
    for step in ["pin", "grace", "settings", "variables", "key", "keep"] {
        assert!(is_done(&safe, step), "{step}");
    }
    let written = Stack::as_written();
    failed(&written, "pin", "is set to");
    failed(&written, "grace", "draining-seconds");
    failed(&written, "settings", "healthcheck-path");
}

#[test]
fn a_service_that_does_not_answer_yet_is_waited_for_and_a_stack_with_one_down_is_not_healthy() {
    let mut stack = Stack::safe();
    assert!(is_done(&stack, "deploy-litellm") && is_done(&stack, "healthy"));
    stack.statuses.insert("litellm", 503);
    for step in ["deploy-litellm", "healthy"] {
        let looked = check(&stack, &call(step, &Stack::as_written()), &[]).unwrap();
        assert!(matches!(looked, Progress::Pending(_)), "{looked:?}");
    }
    stack.statuses.remove("litellm");
    assert!(!is_done(&stack, "deploy-litellm"), "nobody listens");
    stack.down("langfuse-worker");
    let mut memo = Vec::new();
    let mut looks = 0;
    let why = loop {
        match check(&stack, &call("healthy", &Stack::as_written()), &memo).unwrap() {
            Progress::Pending(pending) => (memo, looks) = (pending.memo, looks + 1),
            Progress::Failed(why) => break why,
            other => panic!("{other:?}"),
        }
    };
    assert!(looks > 1 && why.contains("`langfuse-worker` is not up"), "{looks}: {why}");
    let newest = &mut stack.deployments.get_mut("langfuse-worker").unwrap()[0];
    newest.status = DeploymentStatus::InProgress("DEPLOYING".to_owned());
    let looked = check(&stack, &call("healthy", &Stack::as_written()), &memo).unwrap();
    assert!(matches!(looked, Progress::Pending(_)), "one that boots is waited for: {looked:?}");
}

#[test]
fn every_app_is_watched_while_the_stack_must_stay_healthy_and_not_before() {
    let mut stack = Stack::safe();
    let sees = |stack: &Stack, step: &str| {
        probe(stack, "serving", &call(step, &Stack::as_written())).unwrap()
    };
    assert_eq!(sees(&stack, "healthy").verdict, Verdict::Pass);
    stack.statuses.insert("langfuse-worker", 500);
    let seen = sees(&stack, "healthy");
    assert_eq!(seen.verdict, Verdict::Fail);
    assert!(seen.evidence.contains("langfuse-worker answers 500"), "{}", seen.evidence);
    stack.statuses.remove("langfuse-worker");
    assert_eq!(sees(&stack, "healthy").verdict, Verdict::Fail, "nobody listens");
    assert_eq!(sees(&stack, "key").verdict, Verdict::Pass, "it is what the plan mends");
    assert!(probe(&stack, "other", &call("healthy", &Stack::as_written())).is_err());
}

#[test]
fn a_backup_counts_once_it_is_listed_and_locked() {
    let mut stack = Stack::safe();
    assert!(!is_done(&stack, "backup-redis"));
    let backup = Backup {
        name: "lockstep-r-1-backup-redis".to_owned(),
        created: 1_700_000_000_000,
        size_mb: 4,
        locked: false,
        extra: Vec::new(),
    };
    stack.backups = vec![backup.clone()];
    assert!(!is_done(&stack, "backup-redis"));
    stack.backups = vec![Backup { locked: true, ..backup }];
    assert!(is_done(&stack, "backup-redis"));
}

#[test]
fn no_step_begins_into_what_others_do_and_the_way_back_waits_for_nobody() {
    let mut stack = Stack::as_written();
    let look =
        |stack: &Stack, step: &str| observe(stack, &call(step, &Stack::as_written())).unwrap();
    assert!(matches!(look(&stack, "pin"), Observation::Ready(_)));
    assert!(matches!(look(&stack, "keep"), Observation::Ready(facts) if !facts.is_empty()));
    stack.deployments.get_mut("litellm").unwrap()[0].status =
        DeploymentStatus::InProgress("BUILDING".to_owned());
    assert!(matches!(look(&stack, "pin"), Observation::Wait(_)));
    stack.staged = vec!["a variable".to_owned()];
    assert!(matches!(look(&stack, "pin"), Observation::Moved(_)));
    assert!(matches!(look(&stack, "settings-undo"), Observation::Ready(_)));
}

#[test]
fn a_langfuse_that_came_up_meanwhile_keeps_its_key_and_its_kind_of_migrations() {
    let mut stack = Stack::as_written();
    let moves = |stack: &Stack, step: &str| {
        let looked = observe(stack, &call(step, &Stack::as_written())).unwrap();
        matches!(looked, Observation::Moved(_))
    };
    assert!(!moves(&stack, "key") && !moves(&stack, "variables"));
    stack.projects = Ok(Some(1));
    assert!(moves(&stack, "key") && !moves(&stack, "variables"));
    stack.projects = Err(Some(Failure::transiently("sql:connection", "no")));
    assert!(moves(&stack, "key"));
    let up = Stack::as_run();
    assert!(moves(&up, "key") && moves(&up, "variables") && !moves(&up, "pin"));
    // Where it ran when it was planned, nothing of it was to be changed.
    let looked = observe(&up, &call("variables", &Stack::as_run())).unwrap();
    assert!(matches!(looked, Observation::Ready(_)));
}

#[test]
fn a_step_that_is_none_of_the_plugins_is_an_error() {
    assert!(check(&Stack::safe(), &call("upgrade", &Stack::as_written()), &[]).is_err());
}
