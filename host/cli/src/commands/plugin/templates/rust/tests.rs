//! Native tests: the plugin's logic against a stack that answers from memory.

use lockstep_sdk::testing::{
    Declared, Environment, Given, Scripted, Tapped, Tested, assert_requested, assert_whole,
    deployment, digest, ids, sweep, sweep_plan, target,
};
use lockstep_sdk::{
    Draft, Fact, Failure, Finding, Guest as _, Observation, Progress, Sample, StepCall, Target,
};

use super::{Plugin, SERVICE, check, observe, plan};

/// What Railway answers. What a plugin reads of databases and endpoints is beside it here.
struct Stack {
    environment: Environment,
}

impl Scripted for Stack {
    fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Which functions of the plugin the kit calls.
impl Tested for Stack {
    fn plan(outside: &Tapped<'_, Self>, to: &Declared, target: &Target) -> Result<Draft, Failure> {
        plan(outside, to, target)
    }

    fn observe(
        outside: &Tapped<'_, Self>,
        call: &StepCall,
        _: &[Fact],
    ) -> Result<Observation, Failure> {
        observe(outside, call)
    }

    fn check(outside: &Tapped<'_, Self>, call: &StepCall, _: &[Fact]) -> Result<Progress, Failure> {
        check(outside, call)
    }

    fn probe(_: &Tapped<'_, Self>, watch: &str, _: &StepCall) -> Result<Sample, Failure> {
        Err(Failure::permanently("plugin:watch", format!("there is no watch `{watch}`")))
    }
}

fn stack() -> Stack {
    let mut environment = Environment::default();
    environment.add(SERVICE, "example/PLUGIN_NAME:1.0", digest('a'));
    environment.registry.publish("example/PLUGIN_NAME:1.0", digest('a'));
    environment.registry.publish("example/PLUGIN_NAME:1.1", digest('b'));
    Stack { environment }
}

#[test]
fn a_newer_version_is_started_and_what_ran_is_pinned_before() {
    let (draft, declared) = stack().planned(&target(SERVICE, Some("1.1"), &[]));
    assert_whole(&draft, &declared, &["1.1"]);
    assert_requested(&Plugin::describe(), &declared);
    assert_eq!(ids(&draft.steps), ["pin", "upgrade"]);
    let expected = format!("set-image {SERVICE} example/{SERVICE}:1.1@{}", digest('b'));
    assert_eq!(declared.line("image"), expected);
}

#[test]
fn nothing_is_planned_that_is_older_unknown_or_there() {
    for (wanted, refused) in [("0.9", true), ("1.7", true), ("1.0", false)] {
        let (draft, _) = stack().drafted(&target(SERVICE, Some(wanted), &[]));
        assert!(draft.steps.is_empty(), "{wanted}");
        assert_eq!(draft.findings.iter().any(Finding::refuses), refused, "{wanted}");
    }
}

#[test]
fn no_read_that_fails_is_taken_for_a_good_answer() {
    let mut stack = stack();
    let target = target(SERVICE, Some("1.1"), &[]);
    assert_eq!(sweep_plan(&stack, &target).undaunted, [""; 0]);
    let (draft, _) = stack.planned(&target);
    stack.environment.service(SERVICE).image = Some(format!("example/{SERVICE}:1.0@{}", digest('a')));
    stack.environment.deployed("deploy", deployment("d2", digest('b')));
    let swept = sweep(&stack, &draft, &Given::by(&draft));
    assert_eq!((swept.undaunted, swept.done), (vec![], vec!["pin".to_owned(), "upgrade".to_owned()]));
}
