//! Upgrades the stack's Redis: to another patch, from Bitnami's image to the official one, or by a version step.
//!
//! Every step is performed by the host from its list, so a run can be rolled back even if this plugin breaks; what is here
//! reads, plans, proves preconditions and judges results. Sentinel and Cluster are refused.

mod after;
mod before;
mod check;
mod clients;
mod compare;
mod context;
mod describe;
mod dir;
mod findings;
mod look;
mod names;
mod observe;
mod options;
mod outage;
mod path;
mod probe;
mod queues;
mod server;
mod smoke;
mod start;
mod survey;
mod target;
mod topology;
mod uncovered;
mod version;

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
        path::plan(&Live, &Live, &target)
    }

    fn observe(call: StepCall, memo: Vec<Fact>) -> Result<Observation, Failure> {
        observe::observe(&Live, &call, &memo)
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
