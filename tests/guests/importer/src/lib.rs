//! Imports an interface that no host has.

mod absent {
    #![expect(
        clippy::same_length_and_capacity,
        reason = "the generator's way of taking over a list from the host"
    )]

    wit_bindgen::generate!({
        inline: "
            package lockstep:absent@0.1.0;
            interface thing { reach: func() -> string; }
            world needs { import thing; }
        ",
    });
}

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Guest, Observation, Progress, Sample, StepCall, Target,
    Verdict,
};

/// The plugin.
#[derive(Debug)]
pub struct Importer;

impl Guest for Importer {
    fn describe() -> Description {
        Description {
            name: "importer".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["importer".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(_: Target) -> Result<Draft, Failure> {
        Err(Failure::permanently("guest:reached", absent::lockstep::absent::thing::reach()))
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

lockstep_sdk::export!(Importer);
