//! Calls the host a million times.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Live, Observation, Progress, Sample, StepCall,
    Target, Verdict,
};

/// The plugin.
#[derive(Debug)]
pub struct Chatty;

impl Guest for Chatty {
    fn describe() -> Description {
        Description {
            name: "chatty".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["chatty".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let mut answered = 0_u64;
        for _ in 0..1_000_000 {
            answered += u64::from(Live.staged().is_ok());
        }
        Err(Failure::permanently(
            "guest:unstopped",
            format!("{answered} calls of {} were answered", target.component),
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

lockstep_sdk::export!(Chatty);
