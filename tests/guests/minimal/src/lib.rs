//! The smallest plugin that plans something: one listed step with one Redis command, and its way back.

use lockstep_sdk::{
    Declare, Description, Draft, Fact, Failure, Guest, Live, Observation, Progress, Request,
    Sample, Step, StepCall, Target, Verdict, Version,
};

/// The plugin.
#[derive(Debug)]
pub struct Minimal;

fn request(access: &str) -> Request {
    Request {
        capability: "redis".to_owned(),
        name: "redis".to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: "writes one key".to_owned(),
    }
}

impl Guest for Minimal {
    fn describe() -> Description {
        Description {
            name: "minimal".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["minimal".to_owned()],
            requests: vec![request("command")],
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        Live.redis("set", "redis", &["SET", "lockstep:minimal", "1"])?;
        Live.redis("del", "redis", &["DEL", "lockstep:minimal"])?;
        Ok(Draft {
            current: Version::exact("1.0.0", &[1, 0, 0]),
            desired: Version::exact(
                target.desired.unwrap_or_else(|| "2.0.0".to_owned()),
                &[2, 0, 0],
            ),
            findings: Vec::new(),
            steps: vec![
                Step::new("set", "Write a key", "to have done something")
                    .effects(&["set"])
                    .undone_by(&["del"]),
            ],
            undo: vec![
                Step::new("del", "Delete the key", "as it was")
                    .effects(&["del"])
                    .reverses(&[("del", "set")]),
            ],
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

lockstep_sdk::export!(Minimal);
