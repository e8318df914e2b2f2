//! What each step finds before it starts.

use lockstep_sdk::blocks::keep;
use lockstep_sdk::blocks::owner::{self, Disturbance};
use lockstep_sdk::outside::{Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Failure, Observation, Pending, StepCall, history};

use crate::check::listed;
use crate::names::{APPS, DOWN, KEEP, KEY, SERVING, SETTINGS_UNDO, VARIABLES, VARIABLES_UNDO, WEB};
use crate::survey::was_used;

/// How often to look again.
const AGAIN: u64 = 5 * SECOND;

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Sql>(
    outside: &O,
    call: &StepCall,
) -> Result<Observation, Failure> {
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
        None => {
            let moved = if [VARIABLES, KEY].contains(&call.step.as_str()) {
                moved(outside, call)?
            } else {
                None
            };
            Ok(moved.map_or(Observation::Ready(Vec::new()), Observation::Moved))
        }
    }
}

/// A Langfuse that came up meanwhile works with what is set, and what it encrypts since then only its own key can read.
fn moved<O: Railway + Sql>(outside: &O, call: &StepCall) -> Result<Option<String>, Failure> {
    if !listed(call, DOWN)?.contains(&WEB) {
        return Ok(None);
    }
    if history::running(&outside.deployments(WEB, 10)?).is_some() {
        return Ok(Some(format!(
            "`{WEB}` runs by now, with what was to be changed before it does"
        )));
    }
    if call.step != KEY {
        return Ok(None);
    }
    Ok(match was_used(outside)? {
        Ok(false) => None,
        Ok(true) => Some(
            "something was made in Langfuse meanwhile, and may be encrypted with its key"
                .to_owned(),
        ),
        Err(why) => {
            Some(format!("whether anything was made in Langfuse can't be told any more: {why}"))
        }
    })
}
