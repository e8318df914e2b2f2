//! What goes wrong around a run: each has a message, a hint, an exit code and no half-done state.

use crate::stage::{Done, Stage};

fn write_toml(stage: &Stage, text: &str) {
    std::fs::write(stage.folder().join("lockstep.toml"), text).unwrap();
}

/// The lab as an environment of `lockstep.toml`, whose token comes from a variable.
fn written(stage: &Stage) -> String {
    format!(
        "version = 1\n[environments.twin]\nproject = \"{}\"\nenvironment = \"{}\"\napi = \"{}\"\nregistry = \"{}\"\nvia = \"private\"\n\
         token = {{ variable = \"TWIN_TOKEN\" }}\n",
        stage.env("RAILWAY_PROJECT_ID"),
        stage.env("RAILWAY_ENVIRONMENT_ID"),
        stage.env("RAILWAY_API_URL"),
        stage.env("LAB_REGISTRY_URL"),
    )
}

#[test]
fn a_wrong_or_missing_token_is_told_from_everything_else() {
    let stage = Stage::redis_6_with_data();
    write_toml(&stage, &written(&stage));
    stage.lockstep(&["plan", "redis", "-e", "twin"]).expect(2).says("TWIN_TOKEN, which is not set");
    let wrong = [("TWIN_TOKEN", "0000-wrong-token-0000")];
    let done = stage
        .lockstep_with(&["plan", "redis", "-e", "twin"], &wrong)
        .expect(1)
        .says("Hint: the token is wrong");
    assert!(!done.err.contains("0000-wrong-token-0000"), "{}", done.err);
    let token = stage.env("RAILWAY_TOKEN");
    stage.lockstep_with(&["plan", "redis@7.0.15"], &[("TWIN_TOKEN", token.as_str())]).expect(0);
    assert!(stage.mutations().is_empty());
}

#[test]
fn an_api_that_is_down_or_busy_leaves_nothing_half_done() {
    let stage = Stage::redis_6_with_data();
    stage.lockstep(&["lab", "break", "too-many-requests", "2", "1"]).expect(0);
    stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(0);
    stage.lockstep(&["lab", "break", "down"]).expect(0);
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(1).says("Hint:");
    stage.lockstep(&["lab", "break", "mend"]).expect(0);
    assert!(stage.mutations().is_empty());
    stage.lockstep(&["runs"]).expect(0).says("No runs yet");
}

#[test]
fn a_reply_that_is_lost_after_the_work_was_done_does_not_do_it_twice() {
    let stage = Stage::redis_6_with_data();
    for mutation in
        ["serviceInstanceUpdate", "volumeInstanceBackupCreate", "serviceInstanceDeployV2"]
    {
        stage.lockstep(&["lab", "break", "drop-reply", mutation, "1"]).expect(0);
    }
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"])
        .expect(0)
        .says("finding out what became of");
    let count = |name: &str, service: &str| {
        let all = stage.mutations();
        all.iter()
            .filter(|done| done.name == name && done.service.as_deref() == Some(service))
            .count()
    };
    assert_eq!(count("volumeInstanceBackupCreate", "redis"), 2, "{:?}", stage.mutations());
    assert_eq!(count("serviceInstanceDeployV2", "redis"), 1);
    assert_eq!(count("serviceInstanceDeployV2", "langfuse-worker"), 1);
}

#[test]
fn a_redis_that_is_down_is_named() {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "langfuse-web"]);
    let done = stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]);
    assert!([1, 3].contains(&done.code), "{done:?}");
    assert!(done.err.contains("redis"), "{}", done.err);
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let stage = Stage::redis_6_with_data();
    stage.ask::<()>(redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("another")).unwrap();
    let done = stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(3);
    let done = done.says("password").says("REDIS_PASSWORD");
    assert!(!done.err.contains(&stage.env("REDIS_PASSWORD")), "{}", done.err);
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
}

#[test]
fn of_two_applies_at_once_one_runs_and_the_other_names_it() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    let start = || {
        let mut apply = stage.command(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]);
        apply.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        apply.spawn().unwrap()
    };
    let (one, other) = (start(), start());
    let mut ended = [one, other].map(|apply| Done::of(&apply.wait_with_output().unwrap()));
    ended.sort_by_key(|done| done.code);
    let [ran, refused] = ended;
    ran.expect(0).says("is done");
    refused.expect(14).says("holds ");
    assert_eq!(before.samples, stage.census().samples);
}

#[test]
fn a_malformed_file_and_an_unknown_environment_are_usage_errors() {
    let stage = Stage::empty();
    write_toml(&stage, "version = 1\nenvironmnets = {}\n");
    stage.lockstep(&["plan", "redis"]).expect(2).says("environmnets").says("Hint:");
    write_toml(&stage, "version = 2\n");
    stage.lockstep(&["plan", "redis"]).expect(2).says("version 2");
    write_toml(&stage, "version = 1\n");
    stage
        .lockstep(&["plan", "redis", "-e", "prod"])
        .expect(2)
        .says("there is no environment `prod`");
    stage.lockstep(&["plan", "redis", "-e", "lab"]).expect(1).says("lockstep lab up");
    stage.lockstep(&["plan"]).expect(2);
    stage.lockstep(&["resume", "r-none"]).expect(2).says("no run begins with");
}
