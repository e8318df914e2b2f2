//! What a step's call is given.

use lockstep_sdk::Draft;
use lockstep_sdk::testing::{Declared, Given, Tested, assert_requested};

use super::stack::{Stack, target};
use crate::describe::description;

/// The options of the path with the job.
pub(super) const JOB: &[(&str, &str)] = &[("path", "job")];

/// The options of the path that makes a cluster.
pub(super) const CLUSTER: &[(&str, &str)] = &[("path", "cluster")];

/// The options of the path on which the server becomes a node.
pub(super) const IN_PLACE: &[(&str, &str)] = &[("path", "in-place")];

/// Plans, and demands that nothing forbids the plan.
#[track_caller]
pub(super) fn planned(stack: &Stack) -> (Draft, Declared) {
    planned_with(stack, &[])
}

#[track_caller]
pub(super) fn planned_with(stack: &Stack, options: &[(&str, &str)]) -> (Draft, Declared) {
    let (draft, declared) = stack.planned(&target(options));
    assert_requested(&description(), &declared);
    (draft, declared)
}

/// What a plan gives its steps, and what the first step recorded.
#[track_caller]
pub(super) fn kept(stack: &Stack) -> Given {
    kept_with(stack, &[])
}

#[track_caller]
pub(super) fn kept_with(stack: &Stack, options: &[(&str, &str)]) -> Given {
    Given::by(&planned_with(stack, options).0).ready(stack, "keep")
}
