//! The errors of the old guide that concern LiteLLM, one test each, and what a plan does instead.

use lockstep_sdk::testing::{Tested, digest, failed, finding, ids, pending, step};
use lockstep_sdk::{DeploymentStatus, Severity, Undo};

use super::given::{TO, drafted, kept, planned};
use super::stack::{Stack, target};
use crate::describe::description;

#[test]
fn error_1_the_guide_does_not_know_that_an_upgrade_may_drop_the_other_applications_tables() {
    let (draft, _) = planned(&Stack::healthy(), TO);
    let shared = finding(&draft, "shared");
    assert_eq!(
        (shared.severity.clone(), shared.mended_by.as_slice()),
        (Severity::Warning, &["rehearse".to_owned()][..])
    );
    let mut stack = Stack::healthy();
    stack.databases.rehearsed();
    stack.databases.copied.retain(|object| object.1 != "projects");
    stack.deployed("rehearse", 'c', DeploymentStatus::Stopped);
    failed(&kept(&Stack::healthy()).check(&stack, "rehearse"), "table projects is gone");
}

#[test]
fn error_8_the_guide_changes_the_image_in_a_file_that_railway_does_not_read() {
    let (_, declared) = planned(&Stack::healthy(), TO);
    assert!(declared.line("switch-image").starts_with("set-image litellm "));
}

#[test]
fn error_9_a_tag_that_moves_has_no_previous_version() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(ids(&draft.steps)[..2], ["keep", "pin"]);
    for label in ["pin-litellm", "back-image"] {
        assert!(
            declared.line(label).ends_with(&digest('a')),
            "what runs, whatever its tag becomes"
        );
    }
    let (draft, _) = drafted(&Stack::healthy(), "main-stable", &[]);
    assert!(finding(&draft, "target").refuses());
}

#[test]
fn error_10_the_guides_health_path_needs_a_key_and_bills_every_model() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(finding(&draft, "health-path").mended_by, ["grace"]);
    assert!(declared.line("health").contains("/health/liveliness"));
    assert!(declared.line("switch-health").contains("/health/readiness"));
    let read = description().requests.into_iter().flat_map(|request| request.paths);
    assert!(read.into_iter().all(|path| path != "/health"));
}

#[test]
fn error_12_going_back_is_more_than_the_former_image_and_a_minor_version_is_as_risky_as_a_major_one()
 {
    let (minor, _) = planned(&Stack::healthy(), TO);
    let mut stack = Stack::healthy();
    stack.publish("2.0.0", '2');
    let (major, _) = planned(&stack, "2.0.0");
    assert_eq!(ids(&minor.steps), ids(&major.steps));
    assert_eq!(step(&minor.steps, "migrate").undo, Undo::Steps(vec!["migrate-undo".to_owned()]));
    assert!(!finding(&minor, "salt").refuses());
}

#[test]
fn error_14_the_guide_does_not_say_that_langfuse_4_drops_litellms_traces() {
    let rules = description().rules;
    assert!(rules.iter().any(|rule| rule.id == "litellm-callback-before-langfuse-4"));
    let mut stack = Stack::healthy();
    stack.langfuse = "4.16.0";
    let (draft, _) = planned(&stack, TO);
    assert_eq!(finding(&draft, "callback").severity, Severity::Warning);
}

#[test]
fn error_20_the_guides_matrix_denies_no_version() {
    for version in ["1.82.7", "1.82.8", "v1.78.0-stable"] {
        let (draft, _) = drafted(&Stack::healthy(), version, &[]);
        let denied = finding(&draft, "denied");
        assert!(denied.refuses() && denied.source.is_some(), "{version}");
    }
    let draft = Stack::healthy().drafted(&target(None, &[])).0;
    assert!(!["1.82.7", "1.82.8"].contains(&draft.desired.text.as_str()));
}

#[test]
fn error_22_a_backup_that_nobody_has_seen_is_none() {
    let given = kept(&Stack::healthy());
    let found = given.check(&Stack::healthy(), "backup");
    pending(&found, "the backup is not listed yet");
}

#[test]
fn error_23_a_status_alone_says_nothing() {
    let mut stack = Stack::healthy();
    stack.proxy.db = "Not connected";
    assert_eq!(stack.proxy.status, 200);
    let (draft, _) = drafted(&stack, TO, &[]);
    assert!(finding(&draft, "proxy").refuses());
}
