//! The way back.

use lockstep_sdk::testing::{digest, done, failed, pending, step};
use lockstep_sdk::{DeploymentStatus, Observation, Undo};

use super::given::{TO, kept, planned};
use super::stack::Stack;
#[test]
fn the_former_image_comes_back_by_its_digest_with_what_was_set_for_the_new_one_taken_back() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(step(&draft.steps, "switch").undo, Undo::Steps(vec!["switch-undo".to_owned()]));
    let back = step(&draft.undo, "switch-undo");
    let pairs: Vec<_> =
        back.reverses.iter().map(|(mine, theirs)| (mine.as_str(), theirs.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("back-variables", "switch-variables"),
            ("back-health", "switch-health"),
            ("back-image", "switch-image"),
            ("back-deploy", "switch-deploy"),
        ]
    );
    assert_eq!(
        declared.line("back-image"),
        format!("set-image litellm ghcr.io/berriai/litellm-database:main-stable@{}", digest('a'))
    );
    assert_eq!(
        declared.line("back-variables"),
        "delete-variables litellm ENFORCE_PRISMA_MIGRATION_CHECK"
    );
    assert!(declared.line("back-health").contains("/health/liveliness"));
}

#[test]
fn a_variable_that_was_there_gets_its_former_text() {
    let mut stack = Stack::healthy();
    stack.set("litellm", "ENFORCE_PRISMA_MIGRATION_CHECK", "False");
    let (_, declared) = planned(&stack, TO);
    assert_eq!(
        declared.line("back-variables"),
        "set-variables litellm [(\"ENFORCE_PRISMA_MIGRATION_CHECK\", \"False\")]"
    );
    stack.set("litellm", "ENFORCE_PRISMA_MIGRATION_CHECK", "***hidden");
    let (_, declared) = planned(&stack, TO);
    assert!(
        !declared.labels().contains(&"switch-variables".to_owned()),
        "it could not be put back"
    );
}

#[test]
fn exactly_the_rows_that_the_migration_made_are_deleted() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(step(&draft.steps, "migrate").undo, Undo::Steps(vec!["migrate-undo".to_owned()]));
    let back = step(&draft.undo, "migrate-undo");
    assert_eq!(back.effects, ["migrate-stop", "migrate-forget"]);
    let forget = declared.line("migrate-forget");
    assert!(
        forget.starts_with(
            "transaction postgres DELETE FROM \"public\".\"_prisma_migrations\" m WHERE EXISTS"
        ),
        "{forget}"
    );
    assert!(forget.contains("h.made AND h.id = m.id::text"), "{forget}");
    assert!(forget.ends_with("; DROP SCHEMA IF EXISTS lockstep_litellm CASCADE"), "{forget}");
    assert_eq!(declared.line("migrate-stop"), "stop-made litellm-migration");
}

#[test]
fn a_schema_that_stays_migrated_is_never_migrated_back_by_a_comparison() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(step(&draft.steps, "dry").undo, Undo::Steps(vec!["back-smoke".to_owned()]));
    assert_eq!(step(&draft.undo, "back-smoke").effects, ["back-models"]);
    let back = declared.labels().into_iter().filter(|label| label.starts_with("back-"));
    assert!(back.into_iter().all(|label| !declared.line(&label).contains("DISABLE_SCHEMA_UPDATE")));
}

#[test]
fn the_former_version_must_be_up_again_where_the_new_one_was_deployed() {
    let given = kept(&Stack::healthy());
    let mut stack = Stack::healthy();
    for step in ["switch-undo", "migrate-undo", "rehearse-undo", "scratch-undo"] {
        assert!(matches!(given.observe(&stack, step), Observation::Ready(_)), "{step}");
    }
    done(&given.check(&stack, "switch-undo"));
    stack.began("switch-deploy");
    pending(&given.check(&stack, "switch-undo"), "not listed yet");
    stack.deployed("back-deploy", 'a', DeploymentStatus::Success);
    done(&given.check(&stack, "switch-undo"));
    stack.proxy.version = Some("1.84.0");
    failed(&given.checked(&stack, "switch-undo"), "1.80.0 was deployed");
    stack.deployed("back-deploy", 'c', DeploymentStatus::Success);
    failed(&given.check(&stack, "switch-undo"), "was to run aaaaaaaaaaaa");
}

#[test]
fn keys_that_somebody_changed_do_not_keep_anybody_from_going_back() {
    let given = kept(&Stack::healthy());
    let mut stack = Stack::healthy();
    stack.set("litellm", "LITELLM_SALT_KEY", "***other");
    stack.staged.push("x".to_owned());
    assert!(matches!(given.observe(&stack, "switch-undo"), Observation::Ready(_)));
    stack.began("switch-deploy");
    stack.deployed("back-deploy", 'a', DeploymentStatus::Success);
    done(&given.check(&stack, "switch-undo"));
}
