//! The steps whose effects are not performed from a list: the trace that they write has a name that only the run knows.

use lockstep_sdk::outside::Perform;
use lockstep_sdk::{Argument, Fact, Facts, Failure, StepCall};

use crate::context::Context;
use crate::message::{AT, TRACE};
use crate::names::{BEFORE, INGEST_AFTER, INGEST_BEFORE, SMOKE};

/// Performs the effects of a guided step. What they gave is read by the step's check.
pub(crate) fn apply<O: Perform>(outside: &O, call: &StepCall) -> Result<Vec<Fact>, Failure> {
    Context::of(call)?;
    let label = match call.step.as_str() {
        BEFORE => INGEST_BEFORE,
        SMOKE => INGEST_AFTER,
        other => {
            let why = format!("`{other}` is performed by the host");
            return Err(Failure::permanently("plugin:step", why));
        }
    };
    let facts = Facts(&call.facts);
    let argument = |name: &str| {
        let value = facts.text(name)?.into();
        Ok::<_, Failure>(Argument { name: name.to_owned(), value })
    };
    outside.perform(label, &[argument(TRACE)?, argument(AT)?])?;
    Ok(Vec::new())
}
