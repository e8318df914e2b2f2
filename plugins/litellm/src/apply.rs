//! The one step whose effects are not performed from a list: one of them gives what the next ones need.

use lockstep_sdk::outside::Perform;
use lockstep_sdk::{Argument, Fact, Failure, StepCall, Value};

use crate::message::{ARGUMENT, KEY, REQUEST, TEXT};
use crate::names::{KEY_END, KEY_MAKE, KEY_USE, KEYS};

/// The code of a failure that says that a secret was captured by a process that is gone.
const GONE: &str = "secret:gone";

/// The fact that says so.
pub(crate) const LOST: &str = "key-lost";

/// Performs the effects of a guided step.
pub(crate) fn apply<O: Perform>(outside: &O, call: &StepCall) -> Result<Vec<Fact>, Failure> {
    if call.step != KEYS {
        let why = format!("`{}` is performed by the host", call.step);
        return Err(Failure::permanently("plugin:step", why));
    }
    let made = outside.perform(KEY_MAKE, &[])?;
    let key = made.iter().find(|fact| fact.name == KEY).and_then(|fact| fact.rows.first()?.first());
    let Some(key) = key.cloned() else {
        return Err(Failure::permanently("plugin:answer", "a new key was made and not told"));
    };
    match with(outside, KEY_USE, &key) {
        Ok(answered) => {
            with(outside, KEY_END, &key)?;
            Ok(answered
                .into_iter()
                .filter(|fact| [TEXT, REQUEST].contains(&fact.name.as_str()))
                .collect())
        }
        // The key is only in the memory of the process that made it; it ends by itself, and the next round makes another.
        Err(failure) if failure.problem().has(GONE) => Ok(vec![Fact::one(LOST, true)]),
        Err(failure) => {
            with(outside, KEY_END, &key)?;
            Err(failure)
        }
    }
}

fn with<O: Perform>(outside: &O, label: &str, key: &Value) -> Result<Vec<Fact>, Failure> {
    let argument = Argument { name: ARGUMENT.to_owned(), value: key.clone() };
    outside.perform(label, &[argument])
}
