//! What a step's call is given.

use lockstep_sdk::Draft;
use lockstep_sdk::testing::{Declared, Given, NOW, Tested, assert_requested};

use super::stack::{Stack, target};
use crate::describe::description;

/// The version that most plans here lead to.
pub(crate) const TO: &str = "3.225.4";

/// Plans, whatever comes of it.
pub(crate) fn drafted(stack: &Stack, to: &str) -> Draft {
    stack.drafted(&target(Some(to), &[])).0
}

/// Plans, and demands that nothing forbids the plan.
#[track_caller]
pub(crate) fn planned(stack: &Stack, to: &str) -> (Draft, Declared) {
    planned_with(stack, to, &[])
}

#[track_caller]
pub(crate) fn planned_with(stack: &Stack, to: &str, options: &[(&str, &str)]) -> (Draft, Declared) {
    let (draft, declared) = stack.planned(&target(Some(to), options));
    assert_requested(&description(), &declared);
    (draft, declared)
}

/// What a plan gives its steps, and what the first step recorded.
#[track_caller]
pub(crate) fn kept(stack: &Stack) -> Given {
    kept_for(stack, TO)
}

#[track_caller]
pub(crate) fn kept_for(stack: &Stack, to: &str) -> Given {
    let (draft, _) = planned(stack, to);
    Given { now: NOW, ..Given::by(&draft) }.ready(stack, "keep")
}
