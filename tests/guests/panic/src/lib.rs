//! Panics in `plan` with a text of its own.

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Observation, Progress, Sample, StepCall, Target,
    Verdict,
};

/// The plugin.
#[derive(Debug)]
pub struct Panic;

impl Guest for Panic {
    fn describe() -> Description {
        Description {
            name: "panic".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["panic".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        assert!(
            target.component.is_empty(),
            "the guest panics on purpose, planning {}",
            target.component
        );
        Err(Failure::permanently("guest:unreached", "the guest did not panic"))
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

lockstep_sdk::export!(Panic);
