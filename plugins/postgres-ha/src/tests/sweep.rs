//! Every call, with every read failing.

use lockstep_sdk::testing::{Swept, sweep, sweep_plan};

use super::beside::{alone, made};
use super::checks::copied;
use super::cut::switched;
use super::given::{CLUSTER, IN_PLACE, JOB, kept_with, planned_with};
use super::in_place::converted;
use super::job::ran;
use super::retire::REMOVE;
use super::stack::{Stack, target};

/// A stack, the options of a plan for it, and the stack while the plan is performed.
fn paths() -> [(Stack, &'static [(&'static str, &'static str)], Stack); 6] {
    [
        (Stack::healthy(), &[], copied()),
        (Stack::healthy(), &[], switched()),
        (Stack::healthy(), REMOVE, switched()),
        (Stack::healthy(), JOB, ran(&["done"])),
        (Stack::healthy(), IN_PLACE, converted()),
        (alone(), CLUSTER, made()),
    ]
}

/// Whether the services that use the database still answer is looked at as a courtesy, and nothing else is.
#[track_caller]
fn insists(swept: &Swept) {
    for call in &swept.undaunted {
        assert!(call.contains(" without read of http "), "{call}");
    }
}

#[test]
fn no_read_that_fails_makes_a_plan_panic_differ_or_do_without_a_proof() {
    for (stack, options, _) in paths() {
        insists(&sweep_plan(&stack, &target(options)));
    }
}

#[test]
fn no_read_that_fails_makes_a_step_panic_differ_or_do_without_a_proof() {
    for (stack, options, later) in paths() {
        let (draft, _) = planned_with(&stack, options);
        let swept = sweep(&later, &draft, &kept_with(&stack, options));
        insists(&swept);
        assert!(swept.done.len() > 8, "{:?}", swept.done);
    }
}
