//! The steps whose effects are not performed from a list: a trace has a name that only the run knows, and a web service that drops tables
//! is started in a round of its own.

use lockstep_sdk::outside::Perform;
use lockstep_sdk::{Argument, Fact, Facts, Failure, StepCall};

use crate::context::Context;
use crate::message::{AT, TRACE};
use crate::names::{
    BEFORE, INGEST_AFTER, INGEST_BEFORE, SMOKE, WEB, WEB_DEPLOY, WEB_IMAGE, WEB_MIGRATES, WEB_MODE,
};
use crate::route::Route;

/// Performs the effects of a guided step. What they gave is read by the step's check.
pub(crate) fn apply<O: Perform>(outside: &O, call: &StepCall) -> Result<Vec<Fact>, Failure> {
    let context = Context::of(call)?;
    let drops = context.route == Route::ToFour;
    match call.step.as_str() {
        BEFORE => trace(outside, call, INGEST_BEFORE),
        SMOKE => trace(outside, call, INGEST_AFTER),
        WEB if drops && call.round == 1 => {
            let labels = context.thaws.then_some(WEB_MIGRATES).into_iter();
            perform(outside, labels.chain([WEB_MODE, WEB_IMAGE]))
        }
        WEB if drops => perform(outside, [WEB_DEPLOY]),
        other => {
            let why = format!("`{other}` is performed by the host");
            Err(Failure::permanently("plugin:step", why))
        }
    }
}

fn perform<O: Perform>(
    outside: &O,
    labels: impl IntoIterator<Item = &'static str>,
) -> Result<Vec<Fact>, Failure> {
    for label in labels {
        outside.perform(label, &[])?;
    }
    Ok(Vec::new())
}

fn trace<O: Perform>(outside: &O, call: &StepCall, label: &str) -> Result<Vec<Fact>, Failure> {
    let facts = Facts(&call.facts);
    let argument = |name: &str| {
        let value = facts.text(name)?.into();
        Ok::<_, Failure>(Argument { name: name.to_owned(), value })
    };
    outside.perform(label, &[argument(TRACE)?, argument(AT)?])?;
    Ok(Vec::new())
}
