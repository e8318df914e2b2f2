//! The server that is upgraded.

use super::{UPGRADE, break_with, nothing_happened, the_run_is_over};
use crate::far_side::poll;
use crate::stage::Stage;

#[test]
fn a_redis_that_is_not_there_is_named() {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "langfuse-web"]);
    for command in [
        &["plan", "redis@7.0.15", "-e", "lab"][..],
        &["apply", "redis@7.0.15", "-e", "lab", "--yes"],
    ] {
        stage
            .lockstep(command)
            .expect(3)
            .says("can't be read")
            .says("redis")
            .hints("see that it is up");
    }
    nothing_happened(&stage);
}

#[test]
fn a_redis_that_answers_nothing_is_named() {
    let stage = Stage::redis_6_with_data();
    break_with(&stage, "freeze redis");
    let done = stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(3);
    done.says("can't be read").says("redis:timeout").hints("see that it is up");
    break_with(&stage, "mend");
    nothing_happened(&stage);
}

#[test]
fn a_redis_that_is_killed_in_mid_run_comes_back_and_the_run_ends_well() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    // Once as the old server, right before its data is saved, and once as the new one, while it starts.
    break_with(&stage, "after serviceInstanceUpdate 2 kill redis");
    break_with(&stage, "after serviceInstanceDeployV2 1 kill redis");
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0).says("is done");
    assert!(stage.status().faults.is_empty(), "{:?}", stage.status().faults);
    the_run_is_over(&stage);
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "{after:?}");
    assert_eq!(before.samples, after.samples);
}

#[test]
fn a_redis_that_stops_answering_in_mid_run_is_waited_for() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    break_with(&stage, "after volumeInstanceBackupCreate 1 freeze redis");
    let (mut running, said) = stage.begin(UPGRADE);
    poll(|| said().contains("redis:timeout").then_some(()));
    break_with(&stage, "mend");
    assert_eq!(running.wait().unwrap().code(), Some(0), "{}", said());
    the_run_is_over(&stage);
    assert_eq!(before.samples, stage.census().samples);
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let stage = Stage::redis_6_with_data();
    stage.ask::<()>(redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("another")).unwrap();
    for command in [
        &["plan", "redis@7.0.15", "-e", "lab"][..],
        &["apply", "redis@7.0.15", "-e", "lab", "--yes"],
    ] {
        let done = stage.lockstep(command).expect(3);
        let done = done.says("password").hints("REDIS_PASSWORD");
        assert!(!done.err.contains(&stage.env("REDIS_PASSWORD")), "{}", done.err);
    }
    nothing_happened(&stage);
}
