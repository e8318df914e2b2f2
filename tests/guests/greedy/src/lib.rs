//! Wants more memory than any host gives.

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Observation, Progress, Sample, StepCall, Target,
    Verdict,
};

/// The plugin.
#[derive(Debug)]
pub struct Greedy;

impl Guest for Greedy {
    fn describe() -> Description {
        Description {
            name: "greedy".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["greedy".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            // Written to, so that no optimisation leaves the block out.
            hoard.push(vec![u8::from(target.desired.is_some()); 1 << 20]);
            std::hint::black_box(&hoard);
        }
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

lockstep_sdk::export!(Greedy);
