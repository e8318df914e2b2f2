//! What steps demand before they start and before they are done: from the first one to the switch.

use lockstep_sdk::testing::{Given, NOW, backup, digest, done, failed, moved, pending};
use lockstep_sdk::{Backup, DeploymentStatus, Fact, Observation};

use super::given::{TO, kept, kept_with, planned};
use super::stack::Stack;
fn given() -> Given {
    kept(&Stack::healthy())
}

/// A stack in which the new version is up.
pub(crate) fn switched() -> Stack {
    let mut stack = Stack::healthy();
    stack.proxy.version = None;
    stack.deployed("switch-deploy", 'c', DeploymentStatus::Success);
    stack
}

#[test]
fn the_run_begins_only_with_the_stack_that_the_plan_was_made_for() {
    let kept = Given { facts: Vec::new(), ..given() };
    let moves = |change: fn(&mut Stack), part: &str| {
        let mut stack = Stack::healthy();
        change(&mut stack);
        moved(&kept.observe(&stack, "keep"), part);
    };
    moves(|it| it.services.retain(|service| service.name != "litellm"), "`litellm` is gone");
    moves(|it| it.staged.push("x".to_owned()), "staged");
    moves(
        |it| it.proxy.version = Some("1.81.0"),
        "the proxy is 1.81.0, and the plan was made for 1.80.0",
    );
    moves(|it| it.proxy.db = "disconnected", "not ready");
    moves(|it| it.databases.unended.push(("half", "")), "never ended");
    moves(
        |it| it.deployments.get_mut("litellm").unwrap()[0].digest = Some(digest('9')),
        "another image",
    );
    assert!(matches!(kept.observe(&Stack::healthy(), "keep"), Observation::Ready(_)));
}

#[test]
fn keys_are_kept_as_fingerprints_that_tell_nothing() {
    let mut stack = Stack::healthy();
    stack.set("litellm", "LITELLM_MASTER_KEY", "sk-plain-and-long-enough");
    let given = kept(&stack);
    let prints = given.facts.iter().find(|fact| fact.name == "fingerprints").unwrap();
    assert_eq!(prints.rows.len(), 2);
    assert!(!format!("{:?}", given.facts).contains("plain-and"));
}

#[test]
fn pins_and_settings_must_stand() {
    let mut stack = Stack::healthy();
    failed(&given().check(&stack, "pin"), "`litellm` is set to");
    let pinned = format!("ghcr.io/berriai/litellm-database:main-stable@{}", digest('a'));
    stack.service("litellm").image = Some(pinned);
    done(&given().check(&stack, "pin"));
    failed(&given().check(&stack, "grace"), "draining-seconds");
    stack.setting("litellm", "draining-seconds", "60");
    stack.setting("litellm", "overlap-seconds", "30");
    failed(&given().check(&stack, "grace"), "/health/liveliness");
    stack.setting("litellm", "healthcheck-path", "/health/liveliness");
    done(&given().check(&stack, "grace"));
}

#[test]
fn the_proxy_comes_up_again_as_it_was() {
    let mut stack = Stack::healthy();
    pending(&given().check(&stack, "dry"), "not listed yet");
    stack.deployed("dry-deploy", 'a', DeploymentStatus::InProgress("DEPLOYING".to_owned()));
    pending(&given().check(&stack, "dry"), "deploying");
    stack.deployed("dry-deploy", 'a', DeploymentStatus::Failed("health check".to_owned()));
    failed(&given().check(&stack, "dry"), "health check");
    stack.deployed("dry-deploy", 'a', DeploymentStatus::Success);
    assert_eq!(done(&given().check(&stack, "dry")), [Fact::one("version", "1.80.0")]);
    stack.proxy.db = "Not connected";
    pending(&given().check(&stack, "dry"), "Not connected");
    stack.deployed("dry-deploy", 'b', DeploymentStatus::Success);
    failed(&given().check(&stack, "dry"), "was to run aaaaaaaaaaaa");
}

#[test]
fn the_backup_must_be_this_runs_and_locked() {
    let mut stack = Stack::healthy();
    let given = given();
    pending(&given.check(&stack, "backup"), "not listed");
    let made = Backup { locked: false, ..backup("lockstep-r-backup", NOW) };
    stack.backups.insert("postgres".to_owned(), vec![made]);
    pending(&given.check(&stack, "backup"), "not locked");
    stack.backups.get_mut("postgres").unwrap()[0].locked = true;
    done(&given.check(&stack, "backup"));
    stack.backups.get_mut("postgres").unwrap()[0].created = 0;
    failed(&given.check(&stack, "backup"), "before this step began");
}

#[test]
fn nobody_switches_a_proxy_that_somebody_else_touched_or_whose_keys_are_others() {
    let given = given();
    assert!(matches!(given.observe(&Stack::healthy(), "switch"), Observation::Ready(_)));
    for name in ["LITELLM_SALT_KEY", "LITELLM_MASTER_KEY"] {
        let mut stack = Stack::healthy();
        stack.set("litellm", name, "***other");
        moved(&given.observe(&stack, "switch"), name);
        stack.unset("litellm", name);
        moved(&given.observe(&stack, "switch"), name);
    }
    let mut own = Stack::healthy();
    own.deployed("dry-deploy", 'a', DeploymentStatus::Success);
    let made = own.made["dry-deploy"].clone();
    own.deployments.insert("litellm".to_owned(), vec![made]);
    assert!(matches!(given.observe(&own, "switch"), Observation::Ready(_)));
    own.made.clear();
    moved(&given.observe(&own, "switch"), "somebody else has deployed");
}

#[test]
fn the_new_version_is_up_when_digest_database_and_version_say_so() {
    let given = given();
    let mut stack = switched();
    assert_eq!(done(&given.check(&stack, "switch")), [Fact::one("version", None::<String>)]);
    stack.proxy.details = Some("1.84.0");
    assert_eq!(done(&given.check(&stack, "switch")), [Fact::one("version", "1.84.0")]);
    stack.proxy.status = 503;
    pending(&given.check(&stack, "switch"), "answers 503");
    stack.proxy.status = 200;
    // While both serve the old one may answer; for ever it may not.
    stack.proxy.details = Some("1.80.0");
    pending(&given.check(&stack, "switch"), "says that it is 1.80.0");
    failed(&given.checked(&stack, "switch"), "a tag has shipped another version");
    stack.proxy.details = None;
    stack.proxy.header = Some("1.83.0");
    failed(&given.checked(&stack, "switch"), "1.83.0");
    stack.deployed("switch-deploy", 'd', DeploymentStatus::Success);
    failed(&given.check(&stack, "switch"), "was to run cccccccccccc");
    stack.deployed("switch-deploy", 'c', DeploymentStatus::Crashed);
    failed(&given.check(&stack, "switch"), "crashed");
}

#[test]
fn a_salt_that_changed_over_the_switch_fails_it() {
    let mut stack = switched();
    stack.set("litellm", "LITELLM_SALT_KEY", "***other");
    failed(&given().check(&stack, "switch"), "LITELLM_SALT_KEY");
}

#[test]
fn a_version_until_1_83_is_believed_only_with_its_database() {
    let given = kept_with(&Stack::healthy(), "v1.83.3-stable.patch.2", &[]);
    let mut stack = switched();
    stack.deployed("switch-deploy", 'b', DeploymentStatus::Success);
    stack.proxy.version = Some("1.83.3");
    done(&given.check(&stack, "switch"));
    stack.proxy.db = "disconnected";
    pending(&given.check(&stack, "switch"), "`disconnected`");
}

#[test]
fn every_step_of_the_plan_can_be_observed_and_checked() {
    let (draft, _) = planned(&Stack::healthy(), TO);
    let mut stack = Stack::healthy();
    stack.answered_before();
    let given = given().after(&stack, "before");
    let mut call = given.call("no-such-step");
    assert!(crate::observe::observe(&stack, &call, &[]).is_err());
    assert!(crate::check::check(&stack, &call, &[]).is_err());
    assert!(crate::probe::probe(&stack, "no-such-watch", &call).is_err());
    for step in draft.steps.iter().chain(&draft.undo) {
        step.id.clone_into(&mut call.step);
        for name in ["strained", "migrations", "said"] {
            call.facts.push(Fact::table(name, []));
        }
        let known = |failure: lockstep_sdk::Failure| !failure.problem().has("plugin:step");
        assert!(
            crate::observe::observe(&stack, &call, &[]).map_or_else(known, |_| true),
            "{}",
            step.id
        );
        assert!(
            crate::check::check(&stack, &call, &[]).map_or_else(known, |_| true),
            "{}",
            step.id
        );
    }
}
