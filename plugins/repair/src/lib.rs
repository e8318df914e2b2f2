//! Mends what keeps the stack from being healthy, and makes its next deployments safe, before anything is upgraded.
//!
//! Every step is performed by the host from its list. Nothing here changes a version: images are pinned to what runs, or, where
//! nothing runs, to what their tag names today.

mod check;
mod declare;
mod describe;
mod findings;
mod found;
mod names;
mod needs;
mod observe;
mod options;
mod plan;
mod probe;
mod survey;

#[cfg(test)]
mod tests;

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Live, Observation, Progress, Sample, StepCall, Target,
};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

impl Guest for Plugin {
    fn describe() -> Description {
        describe::description()
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        plan::plan(&Live, &Live, &target)
    }

    fn observe(call: StepCall, _memo: Vec<Fact>) -> Result<Observation, Failure> {
        observe::observe(&Live, &call)
    }

    fn apply(call: StepCall) -> Result<Vec<Fact>, Failure> {
        Err(Failure::permanently(
            "plugin:step",
            format!("`{}` is performed by the host", call.step),
        ))
    }

    fn check(call: StepCall, memo: Vec<Fact>) -> Result<Progress, Failure> {
        check::check(&Live, &call, &memo)
    }

    fn probe(watch: String, call: StepCall) -> Result<Sample, Failure> {
        probe::probe(&Live, &watch, &call)
    }
}

lockstep_sdk::export!(Plugin);
