//! Railway and its API.

use super::{UPGRADE, break_with, nothing_happened, the_run_is_over, write_toml};
use crate::far_side::{mutations, poll};
use crate::stage::Stage;

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
    stage
        .lockstep(&["plan", "redis", "-e", "twin"])
        .expect(2)
        .says("TWIN_TOKEN, which is not set")
        .hints("export TWIN_TOKEN=");
    let wrong = [("TWIN_TOKEN", "0000-wrong-token-0000")];
    for command in ["plan", "apply"] {
        let done = stage
            .lockstep_with(&[command, "redis", "-e", "twin"], &wrong)
            .expect(1)
            .says("Railway did not authorize")
            .hints("the token is wrong")
            .hints("kind = \"account\"");
        assert!(!done.err.contains("0000-wrong-token-0000"), "{}", done.err);
        assert!(!done.err.contains("lab up"), "{}", done.err);
    }
    nothing_happened(&stage);
    let token = stage.env("RAILWAY_TOKEN");
    stage.lockstep_with(&["plan", "redis@7.0.15"], &[("TWIN_TOKEN", token.as_str())]).expect(0);
    nothing_happened(&stage);
}

#[test]
fn a_token_that_is_revoked_in_mid_run_stops_it_and_the_run_goes_on_with_a_new_one() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    break_with(&stage, "after serviceInstanceDeployV2 1 unauthorized");
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"])
        .expect(12)
        .says("did not authorize")
        .says("lockstep resume r-")
        .hints("the token is wrong");
    // While the token is dead, nothing goes on and nothing is lost.
    stage.lockstep(&["resume", "--yes"]).expect(1).hints("the token is wrong");
    break_with(&stage, "mend");
    stage.lockstep(&["resume", "--yes"]).expect(11).says("was rolled back");
    the_run_is_over(&stage);
    let after = stage.census();
    assert!(after.version.starts_with("6.2"), "{after:?}");
    assert_eq!(before.samples, after.samples);
}

#[test]
fn an_api_that_is_down_or_ill_or_wants_us_to_wait_for_long_leaves_nothing_half_done() {
    let stage = Stage::redis_6_with_data();
    for (fault, message, hint) in [
        ("down", "did not answer", "is there a network"),
        ("gateway-timeout", "status 504", "a fault of its own"),
        ("too-many-requests 3600", "limits how often", "wait 3600 s"),
    ] {
        break_with(&stage, fault);
        for command in [
            &["plan", "redis@7.0.15", "-e", "lab"][..],
            &["apply", "redis@7.0.15", "-e", "lab", "--yes"],
        ] {
            stage.lockstep(command).expect(1).says(message).hints(hint);
        }
        break_with(&stage, "mend");
        nothing_happened(&stage);
    }
}

#[test]
fn a_short_wait_that_railway_asks_for_is_waited() {
    let stage = Stage::redis_6_with_data();
    break_with(&stage, "too-many-requests 2 1");
    stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(0);
    assert!(stage.status().faults.is_empty(), "{:?}", stage.status().faults);
    nothing_happened(&stage);
}

#[test]
fn an_api_that_goes_down_in_mid_run_is_waited_for() {
    in_mid_run("down", "did not answer");
}

#[test]
fn an_api_that_limits_us_for_long_in_mid_run_is_waited_for() {
    in_mid_run("too-many-requests 3600", "limits how often");
}

/// Lets the API fail once Redis is being replaced, mends it once the run has said so, and expects the run's end.
#[track_caller]
fn in_mid_run(fault: &str, message: &str) {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    break_with(&stage, &format!("after serviceInstanceDeployV2 1 {fault}"));
    let (mut running, said) = stage.begin(UPGRADE);
    poll(|| said().contains(message).then_some(()));
    assert!(running.try_wait().unwrap().is_none(), "{}", said());
    break_with(&stage, "mend");
    let code = running.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", said());
    the_run_is_over(&stage);
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "{after:?}");
    assert_eq!(before.samples, after.samples);
    let deploys = ("serviceInstanceDeployV2".to_owned(), Some("redis".to_owned()));
    assert_eq!(mutations(&stage).get(&deploys), Some(&1), "{:?}", stage.mutations());
}

#[test]
fn a_reply_that_is_lost_after_the_work_was_done_does_not_do_it_twice() {
    let undisturbed = Stage::redis_6_with_data();
    undisturbed.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0);
    let expected = mutations(&undisturbed);
    drop(undisturbed);
    let stage = Stage::redis_6_with_data();
    let mut kinds: Vec<&str> = expected.keys().map(|(name, _)| name.as_str()).collect();
    kinds.dedup();
    assert!(kinds.len() > 3, "{kinds:?}");
    for kind in kinds {
        break_with(&stage, &format!("drop-reply {kind} 1"));
    }
    stage
        .lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"])
        .expect(0)
        .says("finding out what became of");
    assert!(stage.status().faults.is_empty(), "{:?}", stage.status().faults);
    assert_eq!(mutations(&stage), expected);
    the_run_is_over(&stage);
}
