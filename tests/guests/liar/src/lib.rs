//! A plugin that tries what it must not, and reports what the host said. It even calls itself by another plugin's name.
//!
//! The option `mode` of the target names a lie of planning ([`reads`]): what the host answered is the title of the finding
//! `host-said`. Without it the plan has a step for each lie of a run ([`steps`]), or only the one that the option `step`
//! names; what the host answered is the fact `host-said` of that step. With the option `honest` a denial is passed on as a
//! failure. The mode `hoard`, and the step of that name, read all that they may and give every answer away: as findings, as
//! facts and to the log ([`hoard`]). An answer reads `denied: …`, `permanent: …`,
//! `transient: …`, or `allowed`.

mod hoard;
mod reads;
mod said;
mod steps;

use lockstep_sdk::{
    Description, Draft, Fact, Failure, Finding, Guest, Observation, Progress, Request, Sample,
    StepCall, Target, Version, Watch,
};

/// The plugin.
#[derive(Debug)]
pub struct Liar;

fn request(capability: &str, name: &str, access: &str, paths: &[&str]) -> Request {
    Request {
        capability: capability.to_owned(),
        name: name.to_owned(),
        access: access.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        why: "to lie with".to_owned(),
    }
}

fn draft(findings: Vec<Finding>) -> Draft {
    Draft {
        current: Version::exact("1.0.0", &[1]),
        desired: Version::exact("2.0.0", &[2]),
        findings,
        steps: Vec::new(),
        undo: Vec::new(),
        watches: Vec::new(),
        uncovered: Vec::new(),
        parameters: Vec::new(),
        extra: Vec::new(),
    }
}

impl Guest for Liar {
    fn describe() -> Description {
        Description {
            name: "redis".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["liar".to_owned()],
            requests: vec![
                request("redis", "redis", "read", &[]),
                request("redis", "redis", "command", &[]),
                request("sql", "postgres", "read", &[]),
                request("http", "backup-service", "read", &["/health"]),
                request("railway", "redis", "read", &[]),
            ],
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let option = |name: &str| {
            target.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        if option("mode") == Some("hoard") {
            let got = hoard::everything().into_iter();
            return Ok(draft(got.map(|line| Finding::note("hoarded", line)).collect()));
        }
        if let Some(mode) = option("mode") {
            return Ok(draft(vec![Finding::note("host-said", reads::lie(mode)?)]));
        }
        let steps = steps::plan(option("step"))?;
        let watches = vec![Watch {
            id: "lie".to_owned(),
            title: "performs what it does not list".to_owned(),
            interval: 1_000,
            effects: Vec::new(),
            trigger: "at-once".to_owned(),
        }];
        let honest = option("honest").map(|value| ("honest".to_owned(), value.to_owned()));
        let parameters = honest.into_iter().collect();
        Ok(Draft { steps, watches, parameters, ..draft(Vec::new()) })
    }

    fn observe(call: StepCall, _: Vec<Fact>) -> Result<Observation, Failure> {
        Ok(Observation::Ready(steps::observe(&call.step)))
    }

    fn apply(call: StepCall) -> Result<Vec<Fact>, Failure> {
        steps::apply(&call.step, !call.parameters.is_empty())
    }

    fn check(call: StepCall, _: Vec<Fact>) -> Result<Progress, Failure> {
        Ok(Progress::Done(steps::check(&call.step)))
    }

    fn probe(_: String, _: StepCall) -> Result<Sample, Failure> {
        Ok(steps::probe())
    }
}

lockstep_sdk::export!(Liar);
