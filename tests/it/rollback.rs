//! The way back.

use crate::stage::Stage;

#[test]
fn an_image_that_never_gets_healthy_rolls_back_by_itself_to_the_old_image_and_data() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    stage.lockstep(&["lab", "break", "unhealthy", "redis:7.0.15"]).expect(0);
    let done = stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(11);
    done.says("was rolled back").says("over its limit");
    let after = stage.census();
    assert!(after.version.starts_with("6.2"), "{after:?}");
    assert_eq!(before.samples, after.samples);
    assert!(stage.image("redis").starts_with("redis:6.2@sha256:"), "{}", stage.image("redis"));
}

#[test]
fn going_back_from_7_0_to_6_2_never_ends_with_an_empty_server() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "upgrade"])
        .expect(10);
    assert!(stage.census().version.starts_with("7.0"));
    stage.lockstep(&["rollback", "--yes", "--why", "queues grow"]).expect(11).says("queues grow");
    let after = stage.census();
    assert!(after.version.starts_with("6.2"), "{after:?}");
    assert_eq!(before.samples, after.samples);
    let names: Vec<String> = stage.mutations().into_iter().map(|mutation| mutation.name).collect();
    for name in ["volumeInstanceBackupRestore", "environmentPatchCommitStaged"] {
        assert!(names.iter().any(|done| done == name), "{name} is not in {names:?}");
    }
    stage.lockstep(&["rollback", &stage.run()]).expect(2).says("is over");
}

#[test]
fn a_gate_waits_for_an_approval_and_a_second_run_is_refused_meanwhile() {
    let stage = Stage::redis_6_with_data();
    let plan = stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab", "--json"]).expect(0).json();
    let first =
        plan["plan"]["plan"]["authority"]["steps"][0]["step"]["id"].as_str().unwrap().to_owned();
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", &first]).expect(10);
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"])
        .expect(14)
        .says("holds the environment");
    stage.lockstep(&["approve"]).expect(2).says("waits at no gate");
    stage.lockstep(&["resume"]).expect(10).says("waits at the gate of step `worker-stop`");
    assert!(stage.census().version.starts_with("6.2"));
    stage.lockstep(&["approve"]).expect(0).says("is open");
    stage.lockstep(&["resume"]).expect(0).says("is done");
    assert!(stage.census().version.starts_with("7.0"));
    stage.lockstep(&["resume"]).expect(2).says("no run is open");
}

#[test]
fn a_run_that_went_back_from_a_gate_takes_no_approval_and_frees_the_environment() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "keep"]).expect(10);
    stage.lockstep(&["resume"]).expect(10).says("waits at the gate");
    let run = stage.run();
    stage.lockstep(&["rollback"]).expect(11);
    stage.lockstep(&["approve", &run]).expect(2).says("waits at no gate");
    stage.lockstep(&["show", &run]).expect(0);
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0).says("is done");
    assert_eq!(before.samples, stage.census().samples);
}
