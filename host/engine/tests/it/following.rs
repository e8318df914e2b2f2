//! Canaries that move along with their database: they are at the side in force, as the journal has it, and nowhere else.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{
    Atomicity, CANARIES, CANARIES_FOLLOW, Canary, Effect, Failure, Kind, Millis, Observation, Plan,
    Step, Undo,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Ended, Wait};

use crate::fake::{
    AppendFate, Bench, FarSide, Fault, Shape, effect, listed, pinned, section, step_id, undo_of,
};

const OLD: &str = "old";
const NEW: &str = "new";

/// What a draft says of them: in the order of the keys.
const SAID: [&str; 5] = [OLD, NEW, "copy", "switch", "home"];

fn statement(name: &str) -> Effect {
    let (connection, statements) = (NEW.to_owned(), Vec::new());
    let kind = Kind::SqlExecute { connection, statements, atomicity: Atomicity::Transaction };
    effect(name, kind)
}

fn far() -> FarSide {
    let image = pinned('a');
    let values = [("image", image.as_str())];
    FarSide::with(&[("postgres", &values), ("pg", &values)])
        .serving(OLD, "postgres")
        .serving(NEW, "pg")
}

fn rows(connection: &str) -> Canary {
    Canary::Rows(connection.to_owned())
}

fn watching(canaries: &[Canary]) -> Watching {
    Watching { traffic: Some(Vec::new()), canaries: canaries.to_vec(), ..Watching::default() }
}

fn extra(said: &[&str]) -> Vec<(String, String)> {
    let keys = CANARIES_FOLLOW.iter().zip(said);
    keys.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A database is made, copied and switched to, and watched for a while.
fn moving() -> Shape {
    let [make, drop] = [[statement("make")], [statement("drop")]];
    let [copy, uncopy] = [[statement("copy")], [statement("uncopy")]];
    let [switch, home] = [[statement("switch")], [statement("home")]];
    let [look] = [[statement("look")]];
    let undo = |id: &str| Undo::Steps(vec![step_id(id)]);
    let soak = Some(Millis::seconds(600));
    let watching = watching(&[
        rows(OLD),
        Canary::Answers { endpoint: "web".to_owned(), path: "/".to_owned() },
    ]);
    Shape { watching, extra: extra(&SAID), ..Shape::default() }
        .step(Step { undo: undo("drop"), ..listed("make", &make) }, &make)
        .step(Step { undo: undo("uncopy"), ..listed("copy", &copy) }, &copy)
        .step(Step { undo: undo("home"), ..listed("switch", &switch) }, &switch)
        .step(Step { soak, ..listed("look", &look) }, &look)
        .undo(undo_of("drop", &drop, &["make"]), &drop)
        .undo(undo_of("uncopy", &uncopy, &["copy"]), &uncopy)
        .undo(undo_of("home", &home, &["switch"]), &home)
}

fn order(plan: &Plan) -> Vec<&str> {
    plan.authority.steps.iter().map(|frozen| frozen.step.id.as_str()).collect()
}

/// Returns where the rows were, one after the other, each once.
#[track_caller]
fn sides(bench: &Bench) -> Vec<String> {
    let led = bench.world.canaries.led.borrow();
    let mut sides: Vec<String> = Vec::new();
    for (place, log) in led.iter().filter(|(place, _)| place.is_kept()) {
        let side = place.connection().unwrap().to_owned();
        let happened = |label: &str| log.iter().any(|it| it == label);
        if side == NEW {
            // The end of a step is later than its effect.
            assert!(happened("switch") && !happened("uncopy"), "at the new side after {log:?}");
        } else {
            let switched = happened("switch") && happened("look");
            let made = happened("make-canaries-0");
            assert!(made && (!switched || happened("home")), "at the old side after {log:?}");
        }
        if sides.last() != Some(&side) {
            sides.push(side);
        }
    }
    sides
}

#[test]
fn their_place_is_made_at_both_sides_and_removed_from_both() {
    let plan = moving().freeze(&far()).unwrap();
    let ids =
        ["begin-canaries", "make", "follow-canaries", "copy", "switch", "look", "end-canaries"];
    assert_eq!(order(&plan), ids);
    let mut bench = Bench::of(plan, far());
    assert_eq!(bench.run_on(), Ended::Done);
    let log = bench.world.log();
    let all = [
        "make-canaries-0",
        "make",
        "follow-canaries",
        "copy",
        "switch",
        "look",
        "remove-canaries-0",
        "remove-canaries-followed",
    ];
    assert_eq!(log, all);
    assert_eq!(sides(&bench), [OLD, NEW]);
    assert_eq!(*bench.world.canaries.looked.borrow(), Some(rows(NEW)), "looked for where they are");
    let state = bench.journal.state();
    let found = &state.canaries["rows:old"];
    assert!(found.acknowledged.count() >= 599, "they are counted as one kind: {found:?}");
    assert_eq!(found.looked_for, found.acknowledged.count());
    assert!(!state.canaries.contains_key("rows:new"));
}

#[test]
fn on_the_way_back_they_are_home_when_the_database_is() {
    let mut bench = Bench::new(&moving(), far());
    bench.options.detach = true;
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Soak { .. })));
    bench.clock.pass(Millis::seconds(60));
    bench.write(Event::TurnedBack { why: "queues grow".to_owned() });
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(sides(&bench), [OLD, NEW, OLD]);
    assert_eq!(*bench.world.canaries.looked.borrow(), Some(rows(OLD)));
    let log = bench.world.log();
    let back = ["home", "uncopy", "unfollow-canaries", "drop", "undo-canaries-0"];
    assert_eq!(
        log.get(log.len() - back.len()..).unwrap(),
        back,
        "their room goes before its database"
    );
}

#[test]
fn a_switch_that_fails_leaves_them_where_they_were() {
    let mut bench = Bench::new(&moving(), far());
    let no = || Fault::Refused(Failure::permanent("x:no", "no"));
    for _ in 0..50 {
        bench.world.fault("switch", no());
    }
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(sides(&bench), [OLD]);
}

#[test]
fn a_switch_that_found_nothing_to_do_leads_nobody_where_nothing_brings_home() {
    let mut bench = Bench::new(&moving(), far());
    let nothing = Observation::NothingToDo("already so".to_owned());
    bench.guest.part("switch").observe.push_back(Ok(Ok(nothing)));
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(sides(&bench), [OLD]);
}

#[test]
fn where_the_plan_brings_their_place_along_the_host_makes_none() {
    let mut shape = moving();
    shape.extra.retain(|(key, _)| key != CANARIES_FOLLOW[2]);
    let plan = shape.freeze(&far()).unwrap();
    assert!(!order(&plan).contains(&"follow-canaries"));
    let mut bench = Bench::of(plan, far());
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(bench.world.log().contains(&"remove-canaries-followed".to_owned()));
    assert_eq!(sides(&bench), [OLD, NEW]);
}

/// L5, at every record of both ways.
#[test]
fn whoever_takes_the_run_up_finds_the_same_side() {
    for fails in [false, true] {
        let bench = || {
            let bench = Bench::new(&moving(), far());
            for _ in 0..if fails { 50 } else { 0 } {
                bench.world.fault("look", Fault::Refused(Failure::permanent("x:no", "no")));
            }
            bench
        };
        let mut whole = bench();
        let ended = whole.run_on();
        let way = sides(&whole);
        for at in 0..whole.journal.appends.get() {
            for fate in [AppendFate::Lost, AppendFate::KeptAndLost] {
                let mut killed = bench();
                let fates = std::iter::repeat_n(AppendFate::Kept, at).chain([fate]);
                killed.journal.fates.replace(fates.collect());
                assert_eq!(killed.run_on(), ended, "append {at}, {fate:?}");
                assert_eq!(sides(&killed), way, "append {at}, {fate:?}");
                assert_eq!(killed.world.log(), whole.world.log(), "append {at}, {fate:?}");
            }
        }
    }
}

#[test]
fn a_plugin_is_told_where_rows_are_kept_and_a_plan_without_them_has_nothing_to_follow() {
    let none = Shape { watching: watching(&[]), ..moving() };
    let problem = none.freeze(&far()).unwrap_err().to_string();
    assert!(
        problem.contains("canaries move along from `old`, where no rows are kept"),
        "{problem}"
    );
    let silent = Shape { extra: Vec::new(), ..none };
    let plan = silent.freeze(&far()).unwrap();
    assert_eq!(plan.authority.following, None);
    assert!(!plan.to_json().unwrap().contains("following"), "such a plan keeps its hash");
    assert_eq!(CANARIES, "canaries");
}

#[test]
fn what_a_draft_says_of_them_must_make_sense() {
    #[track_caller]
    fn is_refused(shape: &Shape, why: &str) {
        let problem = shape.freeze(&far()).unwrap_err().to_string();
        assert!(problem.contains(why), "{problem}");
    }
    let with = |index: usize, value: &'static str| {
        let mut said = SAID;
        said[index] = value;
        Shape { extra: extra(&said), ..moving() }
    };
    is_refused(&with(0, "other"), "from `other`, where no rows are kept");
    is_refused(&with(1, "nowhere"), "along to `nowhere`, which is no other connection");
    is_refused(&with(1, OLD), "along to `old`, where rows are kept of their own");
    is_refused(&with(2, "gone"), "room before step `gone`, which is no step");
    is_refused(&with(2, "look"), "move along before they are given room at `new`");
    is_refused(&with(3, "gone"), "along with step `gone`, which is no step");
    is_refused(&with(3, "copy"), "step `copy`, which undo step `home` does not take back");
    is_refused(&with(4, "gone"), "back with undo step `gone`, which is no step");
    let mut twice = moving();
    twice.extra.extend(extra(&SAID[..1]));
    is_refused(&twice, "`canaries-from` is said twice");
    let some = Shape { extra: extra(&SAID[..4]), ..moving() };
    is_refused(&some, "`canaries-back` is not said");
    let both = Shape { watching: watching(&[rows(OLD), rows(NEW)]), ..moving() };
    is_refused(&both, "take `new` out of `canaries.rows`");
    let mut inside = moving();
    inside.steps[1] = section(inside.steps[1].clone(), "cut", Some(Millis::seconds(9)));
    is_refused(&inside, "before step `copy`, which is in a critical section");
    let named = [statement("follow")];
    let step = listed("follow-canaries", &named);
    is_refused(
        &moving().step(step, &named),
        "step id `follow-canaries` is one that lockstep needs",
    );
}
