//! L1: an effect that the running step does not list is denied, and nothing is sent.

use lockstep_engine::journal::{Event, RunState};
use lockstep_engine::model::{
    Allowed, Argument, ArgumentRule, Drive, Effect, Fact, Failure, Step, Times, Undo, Value,
};
use lockstep_engine::policy::admit;
use lockstep_engine::run::Ended;

use crate::fake::{Act, Bench, FarSide, Shape, command, label, listed, step_id, undo_of};

/// Two guided steps and the undo step of the first.
fn shape() -> Shape {
    let one = [command("a", "INCR", "a"), command("b", "INCR", "b"), with_rule("c", Allowed::Any)];
    let two = [command("d", "INCR", "d")];
    let back = [command("a-back", "RESET", "a")];
    let guided = |step: Step| Step { drive: Drive::Guided, ..step };
    Shape::default()
        .step(
            Step {
                undo: Undo::Steps(vec![step_id("one-back")]),
                rounds: 3,
                ..guided(listed("one", &one))
            },
            &one,
        )
        .step(guided(listed("two", &two)), &two)
        .undo(guided(undo_of("one-back", &back, &["a"])), &back)
}

fn with_rule(name: &str, allowed: Allowed) -> Effect {
    Effect {
        rules: vec![ArgumentRule { name: "key".to_owned(), allowed }],
        times: Times::AtMost(2),
        ..command(name, "INCR", name)
    }
}

fn argument(value: Value) -> Vec<Argument> {
    vec![Argument { name: "key".to_owned(), value }]
}

/// Runs with `apply` of the step doing `acts`, and returns what the first denial says and what was sent.
#[track_caller]
fn denied(step: &str, acts: Vec<Act>) -> (String, Vec<String>) {
    let mut bench = Bench::new(&shape(), FarSide::default());
    bench.guest.part(step).acts = acts;
    if step == "one-back" {
        bench.guest.part("one").acts = vec![Act::Perform("a", Vec::new())];
        bench.guest.part("two").acts = vec![Act::Fail(Failure::permanent("x:no", "no"))];
        assert!(matches!(bench.run_on(), Ended::Stuck(_)));
    } else {
        assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    }
    let why = bench.journal.events().into_iter().rev().find_map(|event| {
        let Event::StepFailed { failure: Failure::Denied(problem), .. } = event else {
            return None;
        };
        Some(problem.code)
    });
    (why.expect("a denial"), bench.world.log())
}

#[test]
fn a_label_of_no_step_of_another_step_or_of_the_other_direction_is_denied() {
    for name in ["ghost", "d", "a-back"] {
        let (code, log) = denied("one", vec![Act::Perform(name, Vec::new())]);
        assert_eq!((code.as_str(), log.len()), ("effect:unlisted", 0), "{name}");
    }
    for name in ["a", "d"] {
        let (code, log) = denied("one-back", vec![Act::Perform(name, Vec::new())]);
        assert_eq!((code.as_str(), log), ("effect:unlisted", vec!["a".to_owned()]), "{name}");
    }
}

#[test]
fn the_order_of_effects_never_goes_back() {
    let acts = [Act::Perform("b", Vec::new()), Act::Perform("a", Vec::new())];
    let (code, log) = denied("one", acts.to_vec());
    assert_eq!((code.as_str(), log), ("effect:order", vec!["b".to_owned()]));
}

#[test]
fn an_effect_is_not_repeated_beyond_what_the_plan_says() {
    let (code, log) =
        denied("two", vec![Act::Perform("d", Vec::new()), Act::Perform("d", Vec::new())]);
    assert_eq!((code.as_str(), log), ("effect:repeat", vec!["d".to_owned()]));
    let with = |number| Act::Perform("c", argument(Value::Integer(number)));
    let (code, log) = denied("one", vec![with(1), with(2), with(3)]);
    assert_eq!((code.as_str(), log.len()), ("effect:repeat", 2));
    let (code, log) = denied("one", vec![with(1), with(1)]);
    assert_eq!((code.as_str(), log.len()), ("effect:repeat", 1), "the same arguments again");
}

#[test]
fn a_denied_call_that_the_plugin_ignores_changes_nothing_and_replays() {
    let mut bench = Bench::new(&shape(), FarSide::default());
    bench.guest.part("one").acts = vec![Act::Try("ghost"), Act::Try("a"), Act::Try("ghost")];
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["a"]);
}

#[test]
fn a_plugin_may_leave_effects_out() {
    let mut bench = Bench::new(&shape(), FarSide::default());
    bench.guest.part("one").acts = vec![Act::Perform("b", Vec::new())];
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["b"]);
}

/// Returns whether `value` is admitted for an argument that `allowed` rules, after `a` gave and `observe` found facts.
fn fits(allowed: Allowed, value: Value) -> Result<(), String> {
    admit_with(allowed, &argument(value))
}

fn admit_with(allowed: Allowed, arguments: &[Argument]) -> Result<(), String> {
    let a = command("a", "INCR", "a");
    let effects = [a, with_rule("c", allowed)];
    let step = Step { drive: Drive::Guided, ..listed("one", &effects) };
    let mut bench = Bench::new(&Shape::default().step(step.clone(), &effects), FarSide::default());
    let table = vec![vec![Value::Integer(1), Value::Text("x".to_owned())]];
    bench.guest.part("one").facts = vec![Fact { name: "table".to_owned(), rows: table }];
    bench.guest.part("one").acts =
        vec![Act::Perform("a", Vec::new()), Act::Fail(Failure::permanent("x:no", "no"))];
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    let records = bench.journal.records();
    let failed = |event: &Event| matches!(event, Event::StepFailed { .. });
    let before = records.iter().position(|record| failed(&record.event)).unwrap();
    let state = RunState::fold(&records[..before]).unwrap();
    let authority = &bench.plan.authority;
    let step = &authority.step(&step_id("one")).unwrap().step;
    let admitted = admit(authority, &state, &bench.journal.run, step, &label("c"), arguments, 1);
    match admitted {
        Ok(admitted) => {
            assert_eq!(admitted.marker(), "lockstep-run-1-c");
            Ok(())
        }
        Err(Failure::Denied(problem)) => Err(problem.message),
        Err(failure) => panic!("must be denied, not {failure}"),
    }
}

#[test]
fn an_argument_is_held_to_its_rule() {
    let (text, number) = (|text: &str| Value::Text(text.to_owned()), Value::Integer);
    let among = Allowed::Among(vec![text("x"), number(7)]);
    assert!(fits(among.clone(), number(7)).is_ok());
    assert!(fits(among, text("y")).is_err());
    assert!(fits(Allowed::Between(1, 3), number(3)).is_ok());
    assert!(fits(Allowed::Between(1, 3), number(4)).is_err());
    assert!(fits(Allowed::Between(1, 3), text("2")).is_err());
    let observed = |fact: &str, column| Allowed::Observed(fact.to_owned(), column);
    assert!(fits(observed("table", 1), text("x")).is_ok());
    assert!(fits(observed("table", 0), text("x")).is_err());
    assert!(fits(observed("table", 9), text("x")).is_err());
    assert!(fits(observed("other", 1), text("x")).is_err());
    let given = |name: &str, fact: &str| Allowed::GivenBy(label(name), fact.to_owned());
    assert!(fits(given("a", "deployment"), text("d-a-1")).is_ok());
    assert!(fits(given("a", "deployment"), text("d-z-1")).is_err());
    assert!(fits(given("d", "deployment"), text("d-a-1")).is_err(), "of another step");
    assert!(fits(Allowed::Any, text("anything")).is_ok());
    assert!(fits(Allowed::Any, Value::Real(f64::NAN)).is_err(), "can't be compared on a replay");
}

#[test]
fn missing_unknown_and_doubled_arguments_are_denied_by_name() {
    let one = || Argument { name: "key".to_owned(), value: Value::Null };
    let other = Argument { name: "other".to_owned(), value: Value::Null };
    let says = |arguments: &[Argument]| admit_with(Allowed::Any, arguments).unwrap_err();
    assert!(says(&[]).contains("`key` of effect `c` is missing"));
    assert!(says(&[one(), other]).contains("`other` of effect `c` is not declared"));
    assert!(says(&[one(), one()]).contains("`key` of effect `c` is given twice"));
}
