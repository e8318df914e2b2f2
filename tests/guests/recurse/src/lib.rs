//! Recurses until the stack is used up.

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Observation, Progress, Sample, StepCall, Target,
    Verdict,
};

/// The plugin.
#[derive(Debug)]
pub struct Recurse;

/// Calls itself for ever; each call keeps some of the stack and needs it after the next one.
fn deeper(depth: u64) -> u64 {
    let kept = std::hint::black_box([depth; 32]);
    let below = if std::hint::black_box(true) { deeper(depth.wrapping_add(1)) } else { 0 };
    kept.iter().fold(below, |sum, value| sum.wrapping_add(*value))
}

impl Guest for Recurse {
    fn describe() -> Description {
        Description {
            name: "recurse".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["recurse".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        Err(Failure::permanently(
            "guest:deep",
            deeper(u64::from(target.desired.is_some())).to_string(),
        ))
    }

    fn observe(_: StepCall, _: Vec<Fact>) -> Result<Observation, Failure> {
        Ok(Observation::Ready(Vec::new()))
    }

    fn apply(_: StepCall) -> Result<Vec<Fact>, Failure> {
        Ok(Vec::new())
    }

    fn check(_: StepCall, _: Vec<Fact>) -> Result<Progress, Failure> {
        Ok(Progress::Done(Vec::new()))
    }

    fn probe(_: String, _: StepCall) -> Result<Sample, Failure> {
        Ok(Sample {
            verdict: Verdict::Pass,
            evidence: "fine".to_owned(),
            figure: None,
            extra: Vec::new(),
        })
    }
}

lockstep_sdk::export!(Recurse);
