//! What the steps of a plan are given, up to those that tests are about.

use lockstep_sdk::testing::{Given, Tested, done};

use super::stack::{Stack, target};

/// What a plan gives its steps before the first one.
pub(super) fn planned(stack: &Stack, desired: &str) -> Given {
    Given::by(&stack.drafted(&target(Some(desired), &[])).0)
}

pub(super) fn kept(stack: &Stack, desired: &str) -> Given {
    planned(stack, desired).ready(stack, "keep")
}

/// What there is after the first look at the canary.
pub(super) fn canaried(stack: &Stack, desired: &str) -> Given {
    let given = kept(stack, desired);
    given.with(done(&given.check(stack, "canary")).to_vec())
}

/// What `upgrade` is given after all steps before it.
pub(super) fn prepared(stack: &Stack, desired: &str) -> Given {
    let given = canaried(stack, desired);
    let stops = given.parameters.iter().any(|(name, _)| name == "worker");
    if stops { given.ready(stack, "final-save") } else { given }
}
