//! Upgrades the stack's Langfuse: the web service, which migrates PostgreSQL and ClickHouse when it starts, and right after it
//! the worker, which carries on with what is migrated in the background.
//!
//! Every step but two is performed by the host from its list, so a run can be rolled back even if this plugin breaks; what is
//! here reads, plans, proves preconditions and judges results.

mod apply;
mod background;
mod check;
mod clickhouse;
mod context;
mod database;
mod declare;
mod describe;
mod findings;
mod message;
mod moment;
mod names;
mod observe;
mod options;
mod path;
mod probe;
mod route;
mod running;
mod shape;
mod survey;
mod target;
mod three;
mod uncovered;
mod version;
mod web;

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

    fn observe(call: StepCall, _memo: Vec<Fact>) -> Result<Observation, Failure> {
        observe::observe(&Live, &call)
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
