//! A server that the plan itself brings up: nothing is looked for there before it is there, and everything afterwards.

use lockstep_engine::model::{
    Atomicity, DeploySource, Effect, Kind, Millis, ServiceRef, Step, Undo,
};
use lockstep_engine::run::{Clock as _, Ended, Wait};

use crate::fake::{Bench, FarSide, Shape, effect, listed, pinned, step_id};

/// The service that the plan makes, its alias too, and the connection behind which it is.
const NEW: &str = "pg-0";
const CONNECTION: &str = "cluster";

fn make() -> [Effect; 1] {
    let (alias, name) = (NEW.to_owned(), NEW.to_owned());
    let kind = Kind::CreateService { alias, name, image: pinned('b'), assignments: Vec::new() };
    [effect("make", kind)]
}

fn start() -> [Effect; 1] {
    let service = ServiceRef::Made(NEW.to_owned());
    [effect("start", Kind::Deploy { service, source: DeploySource::Configured })]
}

fn statement(name: &str) -> [Effect; 1] {
    let kind = Kind::SqlExecute {
        connection: CONNECTION.to_owned(),
        statements: Vec::new(),
        atomicity: Atomicity::Transaction,
    };
    [effect(name, kind)]
}

fn far() -> FarSide {
    let image = pinned('a');
    let services: [(&str, &[(&str, &str)]); 1] = [("litellm", &[("image", &image)])];
    FarSide::with(&services).serving(CONNECTION, NEW)
}

/// A server is made, started, and told something, with an hour between.
fn making() -> Shape {
    let restored = |step| Step { undo: Undo::Restore, ..step };
    let soak = Some(Millis::seconds(3600));
    Shape::default()
        .step(restored(listed("make", &make())), &make())
        .step(restored(listed("start", &start())), &start())
        .step(Step { soak, ..listed("tell", &statement("tell")) }, &statement("tell"))
        .step(listed("again", &statement("again")), &statement("again"))
}

#[test]
fn the_schema_of_a_server_that_is_not_there_yet_stops_nothing() {
    let plan = making().freeze(&far()).unwrap();
    assert_eq!(plan.authority.begun.get(CONNECTION), Some(&step_id("start")));
    let mut bench = Bench::of(plan, far());
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["make", "start", "tell", "again"]);
}

#[test]
fn once_it_is_there_what_others_change_in_it_stops_the_run() {
    let mut bench = Bench::new(&making(), far());
    let early = bench.clock.now();
    bench.world.outside.objects.borrow_mut().push((early, "table own".to_owned()));
    let later = early.plus(Millis::seconds(600));
    bench.world.outside.objects.borrow_mut().push((later, "table theirs".to_owned()));
    let Ended::Waiting(Wait::Moved(why)) = bench.run_on() else { panic!("nobody saw it") };
    assert!(why.contains("table theirs is new"), "{why}");
    assert_eq!(bench.world.log(), ["make", "start", "tell"]);
}

#[test]
fn a_server_that_is_there_is_looked_at_from_the_beginning() {
    let image = pinned('a');
    let services: [(&str, &[(&str, &str)]); 1] = [(NEW, &[("image", &image)])];
    let there = FarSide::with(&services).serving(CONNECTION, NEW);
    let shape = Shape::default().step(listed("tell", &statement("tell")), &statement("tell"));
    assert!(shape.freeze(&there).unwrap().authority.begun.is_empty());
}
