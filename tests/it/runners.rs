//! Detached runs, and the processes that work on them.

use std::process::Command;

use crate::far_side::{mutations, poll};
use crate::stage::Stage;
use crate::troubles::break_with;

const QUEUED: &[&str] = &["apply", "redis@7.0.15", "-e", "lab", "--queue", "--yes"];

#[test]
fn a_run_that_is_left_to_the_runners_is_done_by_one() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    stage.lockstep(QUEUED).expect(10).says("is left to the runners");
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
    let run = stage.run();
    stage.lockstep(&["runner", "--until-idle"]).expect(0).says(&format!("Run {run} is done"));
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "{after:?}");
    assert_eq!(before.samples, after.samples);
}

#[test]
fn a_runner_that_is_killed_loses_its_run_to_another_and_nothing_is_done_twice() {
    let undisturbed = Stage::redis_6_with_data();
    undisturbed.lockstep(QUEUED).expect(10);
    undisturbed.lockstep(&["runner", "--until-idle"]).expect(0);
    let expected = mutations(&undisturbed);
    drop(undisturbed);
    let stage = Stage::redis_6_with_data();
    stage.lockstep(QUEUED).expect(10);
    for step in ["✓ keep", "✓ backup", "✓ deploy"] {
        let (mut runner, said) = stage.begin(&["runner"]);
        poll(|| said().contains(step).then_some(()));
        runner.kill().unwrap();
        runner.wait().unwrap();
    }
    stage.lockstep(&["runner", "--until-idle"]).expect(0).says("is done");
    assert_eq!(mutations(&stage), expected);
}

#[test]
fn what_a_person_took_and_stopped_is_left_to_that_person() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(QUEUED).expect(10);
    stage.lockstep(&["resume", "--yes", "--until", "keep"]).expect(10);
    let before = mutations(&stage);
    let idle = stage.lockstep(&["runner", "--until-idle"]).expect(0);
    assert!(!idle.err.contains("is taken"), "{}", idle.err);
    assert_eq!(mutations(&stage), before);
    stage.lockstep(&["resume", "--yes"]).expect(0).says("is done");
}

#[test]
fn what_needs_a_person_is_left_to_one() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--queue"]).expect(2).says("--yes");
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "keep"]).expect(10);
    stage.lockstep(&["runner", "--until-idle"]).expect(0);
    stage.lockstep(&["resume", "--queue"]).expect(10);
    stage.lockstep(&["runner", "--until-idle"]).expect(0).says("waits at the gate");
    stage.lockstep(&["runner", "--until-idle"]).expect(0);
    stage.lockstep(&["approve"]).expect(0);
    let run = stage.run();
    stage.lockstep(&["rollback", &run, "--why", "not tonight"]).expect(11);
}

#[test]
fn a_runner_that_can_not_work_on_a_run_keeps_it_from_nobody_and_ends_when_it_is_asked_to() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(QUEUED).expect(10);
    break_with(&stage, "unauthorized");
    let (mut runner, said) = stage.begin(&["runner"]);
    poll(|| said().contains("could not be worked on here").then_some(()));
    break_with(&stage, "mend");
    stage.lockstep(&["resume", "--yes"]).expect(0).says("is done");
    let pid = runner.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(runner.wait().unwrap().code(), Some(0), "{}", said());
}
