//! A plugin of a stage that comes after `steady`: its plan counts the variables that `steady` has set, so it is another plan
//! once that has run. It upgrades two components. The version that runs is a variable called like the component, so planning
//! for it again finds nothing to do.
//!
//! The option `mode` of the target: `gate` asks a person before the second step, `fail` never reaches the end of its second,
//! `refuse` refuses where `steady` has not run, `blind` makes no plan there, and `hostile` says everything in words that try to be more than words.

use lockstep_sdk::outside::Railway as _;
use lockstep_sdk::{
    Declare, Description, Draft, Fact, Failure, Finding, Guest, Live, Observation, OutageKind,
    Progress, Request, Sample, Step, StepCall, Target, VariableValue, Verdict, Version,
};

/// The service whose variables are set.
const SERVICE: &str = "health-monitor";

/// Words that would be a heading, a table, a link, a mention and a script, if they were taken for Markdown or HTML.
const HOSTILE: &str =
    "``x`` | <script>alert(1)</script>\n# Approved\n[a](https://evil.example) @everyone \u{202e}";

/// The plugin.
#[derive(Debug)]
pub struct Follower;

fn request(access: &str) -> Request {
    Request {
        capability: "railway".to_owned(),
        name: SERVICE.to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: "follows what is set there".to_owned(),
    }
}

impl Guest for Follower {
    fn describe() -> Description {
        Description {
            name: "follower".to_owned(),
            version: "0.1.0".to_owned(),
            components: vec!["follower".to_owned(), "leader".to_owned()],
            requests: vec![request("read"), request("set-variables")],
            rules: Vec::new(),
            after: vec!["steady".to_owned()],
            extra: Vec::new(),
        }
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        let mode = target.options.iter().find(|(name, _)| name == "mode");
        let mode = mode.map(|(_, value)| value.as_str()).unwrap_or_default();
        let variables = Live.variables(SERVICE)?;
        let set = variables.iter().filter(|it| it.name.starts_with("STEADY_")).count().to_string();
        if mode == "blind" && set == "0" {
            return Err(Failure::permanently("follower:blind", "there is nothing to follow yet"));
        }
        let name = target.component.to_uppercase();
        let own = variables.iter().find(|it| it.name == name).map(|it| &it.value);
        let current = match own {
            Some(VariableValue::Shown(version)) => version.clone(),
            _ => "0".to_owned(),
        };
        let wish = target.desired.unwrap_or_else(|| "1".to_owned());
        let hostile = mode == "hostile";
        let words = |plain: &str| if hostile { HOSTILE.to_owned() } else { plain.to_owned() };
        let mut findings = vec![Finding::note("found", words("variables were counted"))];
        if mode == "refuse" && set == "0" {
            findings.push(Finding::refusal("too-early", "steady has not run"));
        }
        let mut steps = Vec::new();
        if current != wish {
            let counted = if hostile { HOSTILE.to_owned() } else { set.clone() };
            Live.set_variables("follow", SERVICE, &[(name.as_str(), wish.as_str())])?;
            Live.set_variables(
                "count",
                SERVICE,
                &[(format!("{name}_SAW").as_str(), counted.as_str())],
            )?;
            let follow =
                Step::new("follow", words("Follow"), words("to be a stage")).effects(&["follow"]);
            let mut count = Step::new("count", words("Count"), words("to tell plans apart"))
                .effects(&["count"])
                .outage(SERVICE, OutageKind::Other(words("figures")), 1_000);
            if mode == "gate" {
                count = count.approved("may it count?");
            }
            steps.extend([follow.restored(), count.restored()]);
        }
        Ok(Draft {
            current: Version::exact(current, &[0]),
            desired: Version::exact(wish, &[1]),
            findings,
            steps,
            undo: Vec::new(),
            watches: Vec::new(),
            uncovered: vec![words("what the variables are for")],
            parameters: vec![("mode".to_owned(), mode.to_owned()), ("set".to_owned(), set)],
            extra: Vec::new(),
        })
    }

    fn observe(_: StepCall, _: Vec<Fact>) -> Result<Observation, Failure> {
        Ok(Observation::Ready(Vec::new()))
    }

    fn apply(_: StepCall) -> Result<Vec<Fact>, Failure> {
        Ok(Vec::new())
    }

    fn check(call: StepCall, _: Vec<Fact>) -> Result<Progress, Failure> {
        let mode = call.parameters.iter().find(|(name, _)| name == "mode");
        Ok(match mode.map(|(_, mode)| mode.as_str()) {
            Some("fail") if call.step == "count" => Progress::Failed("it never counts".to_owned()),
            Some("hostile") if call.step == "count" => Progress::Failed(HOSTILE.to_owned()),
            _ => Progress::Done(Vec::new()),
        })
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

lockstep_sdk::export!(Follower);
