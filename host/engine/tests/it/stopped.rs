//! A server that a plan stops for good: what the host keeps there goes before it, and nothing is looked for there afterwards.

use lockstep_engine::model::{
    Atomicity, Canary, Effect, Gate, Kind, Millis, Piece, Plan, Step, StepId, Undo,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Ended, Wait};

use crate::fake::{
    Bench, FarSide, Shape, command, deploy, effect, listed, named, pinned, set_variable, step_id,
};

/// What runs behind the connection of the canaries, and behind that of a database which a step changes.
const OLD: &str = "postgres";

fn stop() -> Effect {
    effect("stop", Kind::Stop { service: named(OLD) })
}

fn statement(name: &str) -> Effect {
    let kind = Kind::SqlExecute {
        connection: "database".to_owned(),
        statements: Vec::new(),
        atomicity: Atomicity::Transaction,
    };
    effect(name, kind)
}

fn far() -> FarSide {
    let image = pinned('a');
    let secret = [("image", image.as_str()), ("TOKEN", "print:old")];
    let services: [(&str, &[(&str, &str)]); 2] =
        [(OLD, &[("image", &image)]), ("litellm", &secret)];
    FarSide::with(&services).serving("main", OLD).serving("database", OLD)
}

/// A move away from a server, with canaries at it: a secret is replaced, a row changed, and then the server is stopped.
fn moving_away(change: impl Fn(Step) -> Step) -> Shape {
    let token = [set_variable("token", "litellm", "TOKEN", Piece::Text("new".to_owned()))];
    let canaries = vec![Canary::Bits("main".to_owned())];
    let watching = Watching { traffic: Some(Vec::new()), canaries, ..Watching::default() };
    let soak = Some(Millis::seconds(600));
    let impossible = Undo::Impossible("it is stopped".to_owned());
    Shape { watching, ..Shape::default() }
        .step(Step { undo: Undo::Restore, soak, ..listed("switch", &token) }, &token)
        .step(listed("change", &[statement("row")]), &[statement("row")])
        .step(change(Step { undo: impossible, ..listed("retire", &[stop()]) }), &[stop()])
}

fn order(plan: &Plan) -> Vec<&str> {
    plan.authority.steps.iter().map(|frozen| frozen.step.id.as_str()).collect()
}

#[test]
fn canaries_go_before_the_server_that_keeps_them_is_stopped_and_the_run_ends() {
    let plan = moving_away(|step| step).freeze(&far()).unwrap();
    let ids =
        ["begin-canaries", "switch", "change", "end-canaries", "retire", "forget-former-secrets"];
    assert_eq!(order(&plan), ids);
    let retire: StepId = step_id("retire");
    assert_eq!(plan.authority.stopped.get("main"), Some(&retire));
    assert_eq!(plan.authority.stopped.get("database"), Some(&retire));
    let mut bench = Bench::of(plan, far());
    assert_eq!(bench.run_on(), Ended::Done);
    let log = bench.world.log();
    let last = ["remove-canaries-0", "stop", "forget-secrets-0"];
    assert_eq!(log.get(log.len() - 3..).unwrap(), last);
    let counted = bench.journal.state().canaries.remove("bits:main").unwrap();
    assert_eq!(counted.looked_for, counted.acknowledged.count(), "looked for a last time");
}

#[test]
fn the_schema_of_a_server_that_is_stopped_is_not_looked_at_before_the_steps_that_follow() {
    let after = [command("after", "INCR", "after")];
    let shape = moving_away(|step| step).step(listed("after", &after), &after);
    // Somewhere else than behind the connections of the server that is stopped.
    let mut far = far();
    far.serves.remove("main");
    let mut bench = Bench::new(&shape, far);
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(bench.world.log().contains(&"after".to_owned()));
}

#[test]
fn a_gate_before_the_stop_is_waited_at_with_the_schema_in_sight() {
    let gated = |step| Step { gates: vec![Gate::Approval("stop it?".to_owned())], ..step };
    let mut bench = Bench::new(&moving_away(gated), far());
    bench.options.gates_approved_by = None;
    let early = bench.journal.now();
    bench.world.outside.objects.borrow_mut().push((early, "table early".to_owned()));
    let Ended::Waiting(Wait::Gate { step, .. }) = bench.run_on() else { panic!("no gate") };
    assert_eq!(step, step_id("retire"));
    let later = bench.journal.now().plus(Millis::seconds(1));
    bench.world.outside.objects.borrow_mut().push((later, "table late".to_owned()));
    bench.clock.pass(Millis::seconds(5));
    let ended = bench.run_on();
    assert!(
        matches!(&ended, Ended::Waiting(Wait::Moved(why)) if why.contains("late")),
        "{ended:?}"
    );
}

#[test]
fn a_server_that_is_started_again_keeps_its_canaries_to_the_end() {
    let again = [deploy("again", OLD)];
    let undo = Undo::Impossible("it is new".to_owned());
    let shape = moving_away(|step| step).step(Step { undo, ..listed("again", &again) }, &again);
    let plan = shape.freeze(&far()).unwrap();
    assert_eq!(order(&plan).last(), Some(&"end-canaries"));
    assert!(plan.authority.stopped.is_empty());
}

#[test]
fn a_server_that_is_stopped_and_then_deleted_is_not_looked_at_from_the_stop_on() {
    let delete = [effect("delete", Kind::DeleteService { service: named(OLD) })];
    let gates = vec![Gate::Approval("delete it?".to_owned())];
    let undo = Undo::Impossible("it is gone".to_owned());
    let remove = Step { gates, undo, ..listed("remove", &delete) };
    let plan = moving_away(|step| step).step(remove, &delete).freeze(&far()).unwrap();
    let last = ["end-canaries", "retire", "remove", "forget-former-secrets"];
    assert_eq!(order(&plan).split_off(3), last);
    assert_eq!(plan.authority.stopped.get("database"), Some(&step_id("retire")));
    let mut bench = Bench::of(plan, far());
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(!bench.world.far.borrow().configured.contains_key(OLD));
}
