//! Upgrades the stack's LiteLLM: the migration is rehearsed on a copy of the schema, run while the old proxy serves, and the
//! new version started beside it.
//!
//! Every step but one is performed by the host from its list, so a run can be rolled back even if this plugin breaks; what is
//! here reads, plans, proves preconditions and judges results.

mod apply;
mod catalogue;
mod check;
mod context;
mod database;
mod declare;
mod describe;
mod findings;
mod image;
mod job;
mod known;
mod message;
mod names;
mod observe;
mod options;
mod path;
mod probe;
mod proxy;
mod running;
mod statements;
mod survey;
mod tag;
mod target;
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
        apply::apply(&Live, &call)
    }

    fn check(call: StepCall, memo: Vec<Fact>) -> Result<Progress, Failure> {
        check::check(&Live, &call, &memo)
    }

    fn probe(watch: String, call: StepCall) -> Result<Sample, Failure> {
        probe::probe(&Live, &watch, &call)
    }
}

lockstep_sdk::export!(Plugin);
