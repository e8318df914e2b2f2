//! What is wrong with the stack, each with the step that mends it or the words why none does.

mod apps;
mod data;
mod others;

use lockstep_sdk::Finding;

use crate::needs::Needs;
use crate::survey::Survey;

/// Returns everything that was found, the gravest first.
pub(crate) fn all(survey: &Survey, needs: &Needs) -> Vec<Finding> {
    let mut found = apps::findings(survey, needs);
    found.extend(data::findings(survey, needs));
    found.extend(others::findings(survey, needs));
    found
}
