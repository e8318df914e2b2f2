//! Plans: stable, complete, and refusing what can't be.

use lockstep_lab::Control;

use crate::stage::Stage;

#[test]
fn an_image_that_can_not_be_pulled_is_found_at_plan_time() {
    let stage = Stage::redis_6_with_data();
    stage.control(&Control::Vanish { image: "redis:7.0.15".to_owned() });
    stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(3).says("is not published");
}

#[test]
fn a_tag_that_moved_is_never_deployed() {
    let stage = Stage::redis_6_with_data();
    let running = stage.status().service("redis").unwrap().digest.clone().unwrap();
    stage.control(&Control::MoveTag {
        image: "redis:6.2".to_owned(),
        version: Some("7.0.15".to_owned()),
    });
    stage.control(&Control::MoveTag {
        image: "langfuse/langfuse-worker:3".to_owned(),
        version: None,
    });
    let worker = stage.status().service("langfuse-worker").unwrap().digest.clone().unwrap();
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "worker-start"])
        .expect(10);
    assert_eq!(
        stage.status().service("langfuse-worker").unwrap().digest.as_deref(),
        Some(worker.as_str())
    );
    stage.lockstep(&["rollback"]).expect(2).says("nobody is there to go back all the same");
    stage.lockstep(&["rollback", "--yes"]).expect(11);
    assert_eq!(stage.status().service("redis").unwrap().digest.as_deref(), Some(running.as_str()));
    assert!(stage.census().version.starts_with("6.2"));
}

#[test]
fn what_can_not_be_undone_or_is_unknown_is_refused_with_a_reason() {
    let stage = Stage::redis_6_with_data();
    let plan = |target: &str| stage.lockstep(&["plan", target, "-e", "lab"]);
    plan("redis@6.0.16").expect(3);
    plan("redis@latest").expect(3);
    plan("redis@99.1.2").expect(3);
    plan("redis@nonsense").expect(3).says("nonsense");
    plan("cassandra").expect(2).says("no plugin upgrades `cassandra`");
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
}

#[test]
fn planning_changes_nothing_and_somebody_elses_staged_change_stops_it() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(&["plan", "redis", "-e", "lab"]).expect(0);
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
    stage.lockstep(&["lab", "break", "stage-change"]).expect(0);
    stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(3).says("staged");
}
