//! Never returns from `plan`.

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Observation, Progress, Sample, StepCall, Target,
    Verdict,
};

/// The plugin.
#[derive(Debug)]
pub struct Spin;

impl Guest for Spin {
    fn describe() -> Description {
        Description {
            name: "spin".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["spin".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let mut turns = u64::from(target.desired.is_some());
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
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

lockstep_sdk::export!(Spin);
