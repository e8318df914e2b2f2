//! One real upgrade, end to end.

use crate::stage::Stage;

#[test]
fn redis_6_2_becomes_7_0_and_keeps_every_key_value_and_expiry() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    assert!(before.version.starts_with("6.2"), "{before:?}");
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0).says("is done");
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "{after:?}");
    assert_eq!(before.samples, after.samples);
    assert!(stage.image("redis").contains("7.0.15@sha256:"), "{}", stage.image("redis"));
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"])
        .expect(0)
        .says("Nothing to do");
}

#[test]
fn a_plan_file_is_applied_as_it_was_approved_and_refused_when_the_environment_moved() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab", "--out", "one.plan.json"]).expect(0);
    let text = std::fs::read_to_string(stage.folder().join("one.plan.json")).unwrap();
    std::fs::write(
        stage.folder().join("other.plan.json"),
        text.replace("\"limit\": ", "\"limit\": 1"),
    )
    .unwrap();
    stage.lockstep(&["apply", "other.plan.json", "-e", "lab", "--yes"]).expect(13).says("differs");
    stage.lockstep(&["apply", "one.plan.json", "-e", "lab", "--yes"]).expect(0).says("is done");
}
