//! What a step's call is given.

use lockstep_sdk::Draft;
use lockstep_sdk::testing::{Declared, Given, NOW, Tested, assert_requested};

use super::stack::{Stack, target};
use crate::describe::description;

/// The version that most plans here lead to.
pub(crate) const TO: &str = "1.84.0";

/// Plans, whatever comes of it.
pub(crate) fn drafted(stack: &Stack, to: &str, options: &[(&str, &str)]) -> (Draft, Declared) {
    stack.drafted(&target(Some(to), options))
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
    kept_with(stack, TO, &[])
}

#[track_caller]
pub(crate) fn kept_with(stack: &Stack, to: &str, options: &[(&str, &str)]) -> Given {
    let (draft, _) = planned_with(stack, to, options);
    Given { now: NOW, ..Given::by(&draft) }.ready(stack, "keep")
}
