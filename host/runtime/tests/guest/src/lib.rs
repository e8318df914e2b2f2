//! A plugin that does what the step's name says.

mod bindings;
mod misdeeds;
mod words;

use bindings::exports::lockstep::plugin::upgrade::{
    Description, Draft, Fact, Failure, Guest, Observation, Progress, Request, Sample, StepCall,
    Target, Verdict,
};
use bindings::lockstep::plugin::{effects, redis};

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Description {
        let said = redis::command("redis", &[b"PING".to_vec()])
            .err()
            .map(words::failure)
            .unwrap_or_default();
        Description {
            name: "guest".into(),
            version: "1.0.0".into(),
            components: vec!["redis".into()],
            requests: vec![Request {
                capability: "redis".into(),
                name: "redis".into(),
                access: "read".into(),
                paths: Vec::new(),
                why: said,
            }],
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        words::plan(&target)
    }

    fn observe(call: StepCall, memo: Vec<Fact>) -> Result<Observation, Failure> {
        misdeeds::observe(&call, memo)
    }

    fn apply(call: StepCall) -> Result<Vec<Fact>, Failure> {
        let arguments =
            [effects::Argument { name: "round".into(), value: words::integer(call.round.into()) }];
        effects::perform(&call.step, &arguments)
    }

    fn check(call: StepCall, _: Vec<Fact>) -> Result<Progress, Failure> {
        Ok(match effects::progress(&call.step)? {
            Some(job) if job.finished => Progress::Done(job.facts),
            Some(job) => Progress::Again(job.note),
            None => Progress::Failed("no such job".into()),
        })
    }

    fn probe(watch: String, _: StepCall) -> Result<Sample, Failure> {
        let figure = if watch == "infinite" { f64::INFINITY } else { 0.5 };
        Ok(Sample {
            verdict: Verdict::Pass,
            evidence: watch,
            figure: Some(figure),
            extra: Vec::new(),
        })
    }
}

bindings::export!(Plugin with_types_in bindings);
