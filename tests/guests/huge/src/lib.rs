//! Answers with more than a host takes: as much as memory allows, or with `desired` set that many megabytes of findings.

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Finding, Guest, Observation, Progress, Sample, StepCall,
    Target, Verdict, Version,
};

/// The plugin.
#[derive(Debug)]
pub struct Huge;

impl Guest for Huge {
    fn describe() -> Description {
        Description {
            name: "huge".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["huge".to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        /// Text of one finding.
        const TEXT: usize = 64 << 10;
        let wanted =
            target.desired.and_then(|megabytes| megabytes.parse::<usize>().ok()).unwrap_or(1 << 10)
                << 20;
        let findings = (0..wanted / TEXT)
            .map(|number| Finding::note(&format!("f{number}"), "x".repeat(TEXT)))
            .collect();
        Ok(Draft {
            current: Version::exact("1.0.0", &[1]),
            desired: Version::exact("2.0.0", &[2]),
            findings,
            steps: Vec::new(),
            undo: Vec::new(),
            watches: Vec::new(),
            uncovered: Vec::new(),
            parameters: Vec::new(),
            extra: Vec::new(),
        })
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

lockstep_sdk::export!(Huge);
