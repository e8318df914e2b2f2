//! Moves the stack's PostgreSQL to a high-availability cluster that runs already, while the stack is in use, or makes it into one.
//!
//! The cluster follows the old server until both are equal. Then writes wait for a moment in which the sides change, and
//! the old server follows the cluster, so that going back loses no row. Every step is performed by the host from its list;
//! what is here reads, plans, proves preconditions and judges results.

mod account;
mod answer;
mod before_cut;
mod beside;
mod check;
mod cluster;
mod context;
mod declare;
mod describe;
mod findings;
mod front;
mod in_place;
mod job;
mod left;
mod links;
mod names;
mod needs;
mod observe;
mod options;
mod passage;
mod path;
mod probe;
mod quote;
mod rearm;
mod references;
mod retire;
mod seal;
mod server;
mod service;
mod sessions;
mod smoke;
mod survey;
mod tables;
mod uncovered;

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
