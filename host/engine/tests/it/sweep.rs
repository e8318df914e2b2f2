//! L5: one run, interrupted before and after each of its records, ends as if it had not been.

use lockstep_engine::model::{Drive, Effect, Failure, Gate, Millis, Piece, Step, Times, Undo};
use lockstep_engine::run::Ended;

use crate::fake::{
    Act, AppendFate, Bench, FarSide, Fault, Shape, command, deploy, listed, pinned, set_image,
    set_variable, step_id, undo_of,
};

fn incr(name: &str) -> Effect {
    Effect { times: Times::Once, ..command(name, "INCR", name) }
}

/// Returns a run with every kind of step; its last step fails if `fails`.
pub(crate) fn rich(fails: bool) -> Bench {
    let count = [incr("count"), incr("count-more")];
    let uncount =
        [command("uncount", "RESET", "count"), command("uncount-more", "RESET", "count-more")];
    let guided = [incr("one"), incr("two"), incr("three")];
    let unguide = [
        command("un-one", "RESET", "one"),
        command("un-two", "RESET", "two"),
        command("un-three", "RESET", "three"),
    ];
    let configure = [
        set_image("image", "redis", &pinned('b')),
        set_variable("secret", "redis", "PASSWORD", Piece::Secret("key".to_owned())),
        set_variable("port", "redis", "PORT", Piece::Text("2".to_owned())),
    ];
    let go = [deploy("deploy", "redis")];
    let last = [incr("last")];
    let steps = |id: &str| Undo::Steps(vec![step_id(id)]);
    let guide =
        Step { drive: Drive::Guided, rounds: 2, undo: steps("back"), ..listed("guided", &guided) };
    let shape = Shape::default()
        .step(Step { undo: steps("uncounted"), ..listed("listed", &count) }, &count)
        .step(Step { gates: vec![Gate::Approval("sure?".to_owned())], ..guide }, &guided)
        .step(Step { undo: Undo::Restore, ..listed("configure", &configure) }, &configure)
        .step(
            Step { undo: Undo::Restore, soak: Some(Millis::seconds(30)), ..listed("deploy", &go) },
            &go,
        )
        .step(listed("last", &last), &last)
        .undo(undo_of("uncounted", &uncount, &["count", "count-more"]), &uncount)
        .undo(
            Step { drive: Drive::Guided, ..undo_of("back", &unguide, &["one", "two", "three"]) },
            &unguide,
        );
    let far = FarSide::with(&[(
        "redis",
        &[("image", &pinned('a')), ("PORT", "text:1"), ("PASSWORD", "print:abc")],
    )]);
    let mut bench = Bench::new(&shape, far);
    let perform = |labels: &[&'static str]| {
        labels.iter().map(|label| Act::Perform(label, Vec::new())).collect()
    };
    bench.guest.part("guided").acts = perform(&["one", "two", "three"]);
    bench.guest.part("guided").rounds = 2;
    bench.guest.part("listed").looks = 2;
    bench.guest.part("back").acts = perform(&["un-one", "un-two", "un-three"]);
    for _ in 0..if fails { 50 } else { 0 } {
        bench.world.fault("last", Fault::Refused(Failure::permanent("x:no", "no")));
    }
    bench
}

fn end(fails: bool) -> (Ended, FarSide, Vec<String>, usize) {
    let mut bench = rich(fails);
    let ended = bench.run_on();
    let far = bench.world.far.borrow().seen();
    (ended, far, bench.world.log(), bench.journal.appends.get())
}

/// Interrupts at the `at`-th append in the way `fate`, and at the `again`-th after that.
fn interrupted(fails: bool, fate: AppendFate, at: usize, again: Option<usize>) -> Bench {
    let bench = rich(fails);
    let mut fates = vec![AppendFate::Kept; at];
    fates.push(fate);
    if let Some(again) = again {
        fates.extend(vec![AppendFate::Kept; again]);
        fates.push(AppendFate::Lost);
    }
    bench.journal.fates.borrow_mut().extend(fates);
    bench
}

#[test]
fn a_run_crashed_before_or_after_any_record_ends_as_one_that_was_not() {
    for fails in [false, true] {
        let (ended, far, log, appends) = end(fails);
        assert!(appends > 20, "{appends} appends");
        for fate in [AppendFate::Lost, AppendFate::KeptAndLost] {
            for at in 0..appends {
                let mut bench = interrupted(fails, fate, at, None);
                assert!(bench.run().is_err(), "interrupted at append {at}");
                assert_eq!(bench.run_on(), ended, "{fate:?} at append {at}");
                assert_eq!(bench.world.far.borrow().seen(), far, "{fate:?} at append {at}");
                assert_eq!(bench.world.log(), log, "{fate:?} at append {at}");
            }
        }
    }
}

#[test]
fn a_run_crashed_twice_ends_as_one_that_was_not() {
    for fails in [false, true] {
        let (ended, far, log, appends) = end(fails);
        for (again, fate) in [(0, AppendFate::KeptAndLost), (2, AppendFate::Lost)] {
            for at in 0..appends {
                let mut bench = interrupted(fails, fate, at, Some(again));
                assert_eq!(bench.run_on(), ended, "{fate:?} at appends {at} and +{again}");
                assert_eq!(bench.world.far.borrow().seen(), far);
                assert_eq!(bench.world.log(), log);
            }
        }
    }
}

#[test]
fn a_run_whose_every_answer_is_lost_ends_as_one_that_heard_them() {
    for fails in [false, true] {
        let (ended, far, log, _) = end(fails);
        for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Slow(3)] {
            let mut bench = rich(fails);
            let labels: Vec<String> =
                bench.plan.authority.effects.keys().map(ToString::to_string).collect();
            for label in labels.iter().filter(|label| *label != "last") {
                bench.world.fault(label, fault.clone());
            }
            assert_eq!(bench.run_on(), ended, "{fault:?}");
            assert_eq!(bench.world.far.borrow().seen(), far, "{fault:?}");
            assert_eq!(bench.world.log(), log, "{fault:?}");
        }
    }
}

#[test]
fn a_run_with_a_crash_and_a_lost_answer_ends_as_one_without() {
    for fails in [false, true] {
        let (ended, far, log, appends) = end(fails);
        let faults = [Fault::LostAfter, Fault::LostBefore, Fault::Slow(2)];
        for (first, fault) in faults.into_iter().enumerate() {
            for at in (first..appends * 2).step_by(3) {
                let mut bench = interrupted(fails, AppendFate::Lost, at, None);
                for label in ["count-more", "two", "image", "deploy", "un-two", "undo-image-0"] {
                    bench.world.fault(label, fault.clone());
                }
                assert_eq!(bench.run_on(), ended, "{fault:?} at append {at}");
                assert_eq!(bench.world.far.borrow().seen(), far, "{fault:?} at append {at}");
                assert_eq!(bench.world.log(), log, "{fault:?} at append {at}");
            }
        }
    }
}

#[test]
fn the_way_back_of_every_kind_of_step_leaves_the_far_side_as_it_was() {
    let before = rich(true).world.far.borrow().seen();
    let (ended, far, ..) = end(true);
    assert!(matches!(ended, Ended::RolledBack(_)));
    assert_eq!(far, before);
}
