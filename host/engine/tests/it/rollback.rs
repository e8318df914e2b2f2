//! L8 and the way back: what is undone, in which order, and when a run stops and asks instead.

use lockstep_engine::journal::{Direction, Event};
use lockstep_engine::model::{Drive, Effect, Failure, Progress, Step, Undo};
use lockstep_engine::run::{Ended, OnFailure, Wish};

use crate::fake::{
    Act, Bench, FarSide, Fault, Shape, command, listed, panicked, pinned, set_image, step_id,
    undo_of,
};

fn incr(name: &str) -> [Effect; 1] {
    [command(name, "INCR", name)]
}

fn no() -> Failure {
    Failure::permanent("x:no", "no")
}

/// Adds a step that counts `name` and an undo step that forgets the count.
fn counted(shape: Shape, name: &str, drive: Drive) -> Shape {
    let back = [command(&format!("{name}-back"), "RESET", name)];
    let undo_id = format!("un-{name}");
    let undo = Undo::Steps(vec![step_id(&undo_id)]);
    shape
        .step(Step { undo, ..listed(name, &incr(name)) }, &incr(name))
        .undo(Step { drive, ..undo_of(&undo_id, &back, &[name]) }, &back)
}

/// Three steps, of which the last fails.
fn bench(drive: Drive) -> Bench {
    let shape = counted(counted(Shape::default(), "one", drive), "two", drive);
    let shape = shape.step(listed("three", &incr("three")), &incr("three"));
    let mut bench = Bench::new(&shape, FarSide::default());
    bench.world.fault("three", Fault::Refused(no()));
    bench.guest.part("un-one").acts = vec![Act::Perform("one-back", Vec::new())];
    bench.guest.part("un-two").acts = vec![Act::Perform("two-back", Vec::new())];
    bench
}

#[test]
fn steps_are_undone_last_first() {
    for drive in [Drive::Listed, Drive::Guided] {
        let mut bench = bench(drive);
        assert!(
            matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("step `three` failed"))
        );
        assert_eq!(bench.world.log(), ["one", "two", "two-back", "one-back"]);
        assert!(bench.world.far.borrow().counters.is_empty());
        assert!(matches!(bench.run_on(), Ended::RolledBack(_)), "over is over");
    }
}

#[test]
fn what_never_began_is_not_undone() {
    let mut bench = bench(Drive::Listed);
    bench.world.fault("two", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["one", "one-back"]);
    assert_eq!(bench.guest.count("observe", "un-two"), 0);
}

#[test]
fn what_happened_in_part_is_sent_again_and_undone_when_the_rest_never_does() {
    let mut bench = bench(Drive::Listed);
    bench.world.fault("two", Fault::Partly);
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["one", "two", "two-back", "one-back"]);

    let mut bench = self::bench(Drive::Listed);
    bench.world.fault("two", Fault::Partly);
    bench.world.fault("two", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("step `two` failed")));
    assert_eq!(bench.world.log(), ["one", "two-back", "one-back"]);
}

#[test]
fn an_undo_effect_that_reverses_what_never_began_is_skipped() {
    let both = [command("a", "INCR", "a"), command("b", "INCR", "b")];
    let back = [command("b-back", "RESET", "b"), command("a-back", "RESET", "a")];
    let step = Step { undo: Undo::Steps(vec![step_id("un-both")]), ..listed("both", &both) };
    let undo = undo_of("un-both", &back, &["b", "a"]);
    let shape = Shape::default().step(step, &both).undo(undo, &back);
    let mut bench = Bench::new(&shape, FarSide::default());
    bench.world.fault("b", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["a", "a-back"]);
}

#[test]
fn an_effect_whose_fate_is_open_is_settled_before_the_way_back() {
    for happened in [true, false] {
        let mut bench = bench(Drive::Listed);
        bench.world.fault("two", Fault::Untold(happened));
        assert!(matches!(bench.run_on(), Ended::Stuck(_)));
        bench.control.wants(Some(Wish::RollBack("enough".to_owned())));
        let ended = bench.run_on();
        assert!(matches!(ended, Ended::Stuck(_)), "the question stays: {ended:?}");
        assert_eq!(bench.journal.state().direction, Direction::Back);
        bench.answer_the_question();
        assert_eq!(bench.run_on(), Ended::RolledBack("enough".to_owned()));
        let log = bench.world.log();
        assert_eq!(log.contains(&"two-back".to_owned()), happened, "{log:?}");
        assert!(bench.world.far.borrow().counters.is_empty());
    }
}

#[test]
fn a_person_can_roll_back_between_any_two_effects() {
    for asks in 0.. {
        let mut bench = bench(Drive::Listed);
        bench.world.faults.borrow_mut().clear();
        bench.control.wants_after(asks, Some(Wish::RollBack("enough".to_owned())));
        let ended = bench.run_on();
        if ended == Ended::Done {
            assert!(asks > 5, "asked before every effect");
            return;
        }
        assert_eq!(ended, Ended::RolledBack("enough".to_owned()));
        let left: Vec<_> = bench.world.far.borrow().counters.keys().cloned().collect();
        assert!(left.is_empty() || left == ["text:three"], "{left:?} at ask {asks}");
    }
}

#[test]
fn a_run_that_is_told_to_stop_on_failure_asks() {
    let mut bench = bench(Drive::Listed);
    bench.options.on_failure = OnFailure::Stop;
    assert!(
        matches!(bench.run_on(), Ended::Stuck(question) if question.contains("resume or roll back?"))
    );
    assert_eq!(bench.world.log(), ["one", "two"]);
    bench.control.wants(Some(Wish::RollBack("enough".to_owned())));
    assert_eq!(bench.run_on(), Ended::RolledBack("enough".to_owned()));
}

#[test]
fn a_failure_after_a_step_whose_undo_loses_something_asks_and_a_person_may_still_go_back() {
    let undo = Undo::Steps(vec![step_id("back")]);
    let step = Step {
        undo,
        loss: Some("writes since the backup".to_owned()),
        ..listed("two", &incr("two"))
    };
    let back = incr("back");
    let shape = Shape::default()
        .step(step, &incr("two"))
        .step(listed("three", &incr("three")), &incr("three"))
        .undo(undo_of("back", &back, &["two"]), &back);
    let mut bench = Bench::new(&shape, FarSide::default());
    bench.world.fault("three", Fault::Refused(no()));
    let ended = bench.run_on();
    assert!(
        matches!(&ended, Ended::Stuck(why) if why.contains("would lose writes since the backup")),
        "{ended:?}"
    );
    bench.control.wants(Some(Wish::RollBack("please".to_owned())));
    assert_eq!(bench.run_on(), Ended::RolledBack("please".to_owned()));
    assert_eq!(bench.world.log(), ["two", "back"]);
}

#[test]
fn a_step_that_failed_itself_still_rolls_back_whatever_its_undo_loses() {
    let undo = Undo::Steps(vec![step_id("back")]);
    let step = Step { undo, loss: Some("writes".to_owned()), ..listed("two", &incr("two")) };
    let back = incr("back");
    let shape =
        Shape::default().step(step, &incr("two")).undo(undo_of("back", &back, &["two"]), &back);
    let mut bench = Bench::new(&shape, FarSide::default());
    let no = Progress::Failed("no".to_owned());
    bench.guest.part("two").check.push_back(Ok(Ok(no)));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
}

fn past_the_point() -> Bench {
    let undo = Undo::Impossible("rows are rewritten".to_owned());
    let shape = counted(Shape::default(), "one", Drive::Listed)
        .step(Step { undo, ..listed("two", &incr("two")) }, &incr("two"))
        .step(listed("three", &incr("three")), &incr("three"));
    Bench::new(&shape, FarSide::default())
}

#[test]
fn nothing_rolls_back_across_the_point_of_no_return() {
    let mut bench = past_the_point();
    bench.world.fault("three", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::Stuck(why) if why.contains("rows are rewritten")));
    bench.control.wants(Some(Wish::RollBack("please".to_owned())));
    assert!(matches!(bench.run_on(), Ended::Stuck(_)), "not even when asked");
    assert_eq!(bench.world.log(), ["one", "two"]);
    bench.control.wants(None);
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn a_wish_to_go_back_after_the_point_of_no_return_is_refused_with_the_reason() {
    let mut bench = past_the_point();
    bench.control.wants_after(5, Some(Wish::RollBack("please".to_owned())));
    let ended = bench.run_on();
    assert!(
        matches!(&ended, Ended::Stuck(why) if why.contains("please; step `two` can't be undone")),
        "{ended:?}"
    );
}

#[test]
fn a_step_without_a_way_back_that_surely_did_nothing_does_not_block_the_way_back() {
    let mut bench = past_the_point();
    bench.world.fault("two", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["one", "one-back"]);
}

#[test]
fn a_trap_on_the_way_there_is_undone_without_the_plugin() {
    let image = [set_image("image", "redis", &pinned('b'))];
    let step = Step { undo: Undo::Restore, ..listed("s", &image) };
    let far = FarSide::with(&[("redis", &[("image", &pinned('a'))])]);
    let mut bench = Bench::new(&Shape::default().step(step, &image), far.clone());
    bench.guest.part("s").check.push_back(Err(panicked("check")));
    let before = bench.guest.calls.len();
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("plugin:stopped")));
    assert_eq!(bench.world.far.borrow().seen(), far);
    assert_eq!(bench.guest.calls.len() - before, 2, "observe and check of the step, and no more");
}

#[test]
fn a_trap_in_a_listed_undo_step_goes_on_and_in_a_guided_one_asks() {
    for (drive, function) in
        [(Drive::Listed, "observe"), (Drive::Listed, "check"), (Drive::Guided, "apply")]
    {
        let mut bench = bench(drive);
        let part = bench.guest.part("un-two");
        match function {
            "observe" => part.observe.push_back(Err(panicked(function))),
            "check" => part.check.push_back(Err(panicked(function))),
            _ => part.acts = vec![Act::Stop(panicked(function))],
        }
        let ended = bench.run_on();
        if drive == Drive::Listed {
            assert!(matches!(ended, Ended::RolledBack(_)), "{ended:?}");
            assert_eq!(bench.world.log(), ["one", "two", "two-back", "one-back"]);
            let after = usize::from(function == "check");
            assert_eq!(bench.guest.count("check", "un-two"), after, "not asked again");
        } else {
            assert!(matches!(ended, Ended::Stuck(_)), "{ended:?}");
            assert_eq!(bench.world.log(), ["one", "two"]);
        }
    }
}

#[test]
fn a_failure_on_the_way_back_asks_and_goes_on_when_told_to() {
    let mut bench = bench(Drive::Listed);
    bench.world.fault("two-back", Fault::Refused(no()));
    assert!(matches!(bench.run_on(), Ended::Stuck(why) if why.contains("rolling back")));
    bench.answer_the_question();
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["one", "two", "two-back", "one-back"]);
}

#[test]
fn the_reason_for_turning_back_is_in_the_records_and_in_the_end() {
    let mut bench = bench(Drive::Listed);
    let Ended::RolledBack(why) = bench.run_on() else { panic!("rolled back") };
    assert!(bench.journal.events().contains(&Event::TurnedBack { why }));
}
