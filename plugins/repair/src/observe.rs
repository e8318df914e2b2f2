//! What each step finds before it starts.

use lockstep_sdk::blocks::keep;
use lockstep_sdk::blocks::owner::{self, Disturbance};
use lockstep_sdk::outside::Railway;
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Failure, Observation, Pending, StepCall};

use crate::check::listed;
use crate::names::{APPS, KEEP, SERVING, SETTINGS_UNDO, VARIABLES_UNDO};

/// How often to look again.
const AGAIN: u64 = 5 * SECOND;

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway>(outside: &O, call: &StepCall) -> Result<Observation, Failure> {
    let serving = listed(call, SERVING)?;
    // Nothing may stand in the way back.
    if [SETTINGS_UNDO, VARIABLES_UNDO].contains(&call.step.as_str()) {
        return Ok(Observation::Ready(Vec::new()));
    }
    let apps: Vec<&str> = APPS.into_iter().filter(|name| serving.contains(name)).collect();
    match owner::disturbed(outside, &apps)? {
        Some(Disturbance::Staged(why)) => Ok(Observation::Moved(why)),
        Some(Disturbance::Deploying(why)) => Ok(Pending::after(AGAIN, why).into()),
        None if call.step == KEEP => Ok(Observation::Ready(keep::facts(outside, &serving)?)),
        None => Ok(Observation::Ready(Vec::new())),
    }
}
