//! A plugin whose runs are many: each sets variables of its own at Railway, one in a step, and deploys nothing.

use lockstep_sdk::{
    Bound, Declare, Description, Draft, Fact, Failure, Guest, Live, Observation, Progress, Request,
    Rule, Sample, Severity, Step, StepCall, Target, Verdict, Version,
};

/// How many steps a run has.
const STEPS: u32 = 4;

/// The service whose variables are set.
const SERVICE: &str = "health-monitor";

/// A version that does not go together with every Redis.
const PICKY: &str = "99";

/// The plugin.
#[derive(Debug)]
pub struct Steady;

impl Guest for Steady {
    fn describe() -> Description {
        Description {
            name: "steady".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["steady".to_owned()],
            requests: vec![Request {
                capability: "railway".to_owned(),
                name: SERVICE.to_owned(),
                access: "set-variables".to_owned(),
                paths: Vec::new(),
                why: "sets variables that nothing reads".to_owned(),
            }],
            rules: vec![Rule {
                id: "steady-needs-redis-7".to_owned(),
                when: vec![Bound::at_least("steady", Version::exact(PICKY, &[99]))],
                settings: Vec::new(),
                require: vec![Bound::at_least("redis", Version::exact("7.0", &[7, 0]))],
                severity: Severity::Refusal,
                reason: "this version says so".to_owned(),
                source: "its author".to_owned(),
            }],
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let wish = target.desired.unwrap_or_else(|| "1".to_owned());
        let desired = Version::exact(wish.as_str(), &[if wish == PICKY { 99 } else { 1 }]);
        let mut steps = Vec::new();
        for number in 1..=STEPS {
            let label = format!("set-{number}");
            let variable = format!("STEADY_{wish}_{number}");
            Live.set_variables(&label, SERVICE, &[(variable.as_str(), wish.as_str())])?;
            steps.push(
                Step::new(&label, "Set a variable", "to have done something")
                    .effects(&[label.as_str()])
                    .restored(),
            );
        }
        Ok(Draft {
            current: Version::exact("0", &[0]),
            desired,
            findings: Vec::new(),
            steps,
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

lockstep_sdk::export!(Steady);
