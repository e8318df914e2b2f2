//! The way back.

use lockstep_sdk::testing::{Given, done, failed, moved, pending};
use lockstep_sdk::{DeploymentStatus, Fact, Observation};

use super::given::kept;
use super::stack::Stack;

fn migrating() -> Given {
    kept(&Stack::healthy()).ready(&Stack::healthy(), "web")
}

#[test]
fn what_was_never_deployed_is_not_taken_back() {
    let (given, stack) = (migrating(), Stack::healthy());
    assert!(matches!(given.observe(&stack, "web-undo"), Observation::Ready(_)));
    done(&given.check(&stack, "web-undo"));
    done(&given.check(&stack, "worker-undo"));
}

#[test]
fn the_former_services_must_be_up_with_their_former_images() {
    let given = migrating();
    let mut stack = Stack::healthy().switched();
    stack.answers.version = "3.170.0";
    pending(&given.check(&stack, "web-undo"), "not listed yet");
    stack.deployed("back-web-deploy", '7', DeploymentStatus::Success);
    done(&given.check(&stack, "web-undo"));
    stack.answers.version = "3.225.4";
    failed(&given.checked(&stack, "web-undo"), "3.170.0 was deployed");
    stack.deployed("back-worker-deploy", '8', DeploymentStatus::Success);
    done(&given.check(&stack, "worker-undo"));
    stack.deployed("back-worker-deploy", 'b', DeploymentStatus::Success);
    failed(&given.check(&stack, "worker-undo"), "was to run 888888888888");
}

#[test]
fn a_former_version_that_misses_something_is_started_only_if_somebody_says_so() {
    let given = migrating();
    let mut stack = Stack::healthy().switched();
    assert!(matches!(given.observe(&stack, "web-undo"), Observation::Ready(_)));
    for column in &mut stack.databases.tables {
        if column.0 == "prompts" {
            column.1 = "id!,name!,owner!";
        }
    }
    let why = moved(&given.observe(&stack, "web-undo"), "column prompts.is_active is gone");
    assert!(why.contains("prompts.owner is new, and must be written"), "{why}");
    assert!(why.contains("lockstep-r-backup-postgres"), "{why}");
    assert!(why.contains("lockstep-r-backup-clickhouse"), "{why}");
    let accepted = given.with([Fact::one("accepted", why)]);
    assert!(matches!(accepted.observe(&stack, "web-undo"), Observation::Ready(_)));
}
