//! Every call, with every read failing.

use lockstep_sdk::testing::{Swept, Tested, sweep, sweep_plan};

use super::given::{kept, prepared};
use super::stack::{Stack, target};

/// Whether the services that use the server still answer is looked at as a courtesy, and nothing else is.
#[track_caller]
fn insists(swept: &Swept) {
    for call in &swept.undaunted {
        assert!(call.contains(" without read of http "), "{call}");
    }
}

#[test]
fn no_read_that_fails_makes_a_plan_panic_differ_or_do_without_a_proof() {
    for (stack, desired) in [(Stack::official("6.2.14"), "7.0.15"), (Stack::bitnami(), "7.2.4")] {
        insists(&sweep_plan(&stack, &target(Some(desired), &[])));
    }
}

#[test]
fn no_read_that_fails_makes_a_step_panic_differ_or_do_without_a_proof() {
    let stack = Stack::official("6.2.14");
    let (draft, _) = stack.planned(&target(Some("7.0.15"), &[]));
    let before = sweep(&stack, &draft, &kept(&stack, "7.0.15"));
    insists(&before);
    let given = prepared(&stack, "7.0.15").ready(&stack, "upgrade");
    let after = sweep(&stack.replaced_by("7.0.15"), &draft, &given);
    insists(&after);
    for (step, swept) in [("keep", &before), ("canary", &before), ("smoke", &after)] {
        assert!(swept.done.iter().any(|done| done == step), "{step}: {:?}", swept.done);
    }
}
