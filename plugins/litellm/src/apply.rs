//! The steps whose effects are not performed from a list: one of them gives the key that the next ones need.

use lockstep_sdk::outside::Perform;
use lockstep_sdk::{Argument, Fact, Failure, StepCall, Value};

use crate::context::Context;
use crate::message::{ARGUMENT, KEY};
use crate::names::{ASKED_AFTER, ASKED_BEFORE, BEFORE, SMOKE};

/// The code of the failure that a secret of another process is.
const GONE: &str = "secret:gone";

/// The fact that says that the key was lost with a process.
pub(crate) const LOST: &str = "key-lost";

/// Performs the effects of a guided step. What they gave is read by the step's check.
pub(crate) fn apply<O: Perform>(outside: &O, call: &StepCall) -> Result<Vec<Fact>, Failure> {
    let context = Context::of(call)?;
    let (asked, release) = match call.step.as_str() {
        BEFORE => (ASKED_BEFORE, context.from),
        SMOKE => (ASKED_AFTER, context.to),
        other => {
            let why = format!("`{other}` is performed by the host");
            return Err(Failure::permanently("plugin:step", why));
        }
    };
    outside.perform(asked.models, &[])?;
    if release.is_new_contract() {
        outside.perform(asked.version, &[])?;
    }
    let made = outside.perform(asked.key, &[])?;
    let key = made.iter().find(|fact| fact.name == KEY).and_then(|fact| fact.rows.first()?.first());
    let Some(key) = key.cloned() else {
        return Err(Failure::permanently("plugin:answer", "a new key was made and not told"));
    };
    let answered = with(outside, asked.answer, &key);
    if is_gone(&answered) {
        // It was in the memory of the process that made it, and ends by itself; the next round makes another.
        return Ok(vec![Fact::one(LOST, true)]);
    }
    let deleted = with(outside, asked.end, &key);
    answered?;
    if !is_gone(&deleted) {
        deleted?;
    }
    Ok(Vec::new())
}

/// Returns whether a secret was captured by a process that is gone.
fn is_gone(answer: &Result<Vec<Fact>, Failure>) -> bool {
    answer.as_ref().is_err_and(|failure| failure.problem().has(GONE))
}

fn with<O: Perform>(outside: &O, label: &str, key: &Value) -> Result<Vec<Fact>, Failure> {
    let argument = Argument { name: ARGUMENT.to_owned(), value: key.clone() };
    outside.perform(label, &[argument])
}
