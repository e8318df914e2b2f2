//! Other people's hands: what they change meanwhile stops a run until somebody has looked.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Atomicity, Effect, Kind, Millis, Step, Undo};
use lockstep_engine::run::{Clock as _, Ended, Wait, Wish};

use crate::fake::{Bench, FarSide, Fault, Shape, deploy, effect, listed, pinned};

fn effects(name: &str) -> [Effect; 1] {
    [deploy(name, "litellm")]
}

/// Two steps that deploy the same service, with an hour of soaking between them.
fn bench() -> Bench {
    let soak = Some(Millis::seconds(3600));
    let undo = Undo::Restore;
    let shape = Shape::default()
        .step(
            Step { soak, undo: undo.clone(), ..listed("first", &effects("one")) },
            &effects("one"),
        )
        .step(Step { undo, ..listed("second", &effects("two")) }, &effects("two"));
    Bench::new(&shape, FarSide::with(&[("litellm", &[("image", &pinned('a'))])]))
}

fn moved(ended: &Ended) -> &str {
    let Ended::Waiting(Wait::Moved(why)) = ended else { panic!("{ended:?}") };
    why
}

#[test]
fn a_run_that_nobody_disturbs_knows_its_own_deployments() {
    let mut bench = bench();
    // What the fake far side calls the first deployment of this run.
    let later = bench.clock.now().plus(Millis::seconds(60));
    bench.world.outside.foreign.borrow_mut().push((later, "d-one-1".to_owned()));
    assert_eq!(bench.run_on(), Ended::Done);
    let stands = |event: &Event| matches!(event, Event::Stands { .. });
    assert_eq!(bench.journal.events().into_iter().filter(stands).count(), 1, "found once");
}

#[test]
fn somebody_elses_deployment_stops_the_run_before_the_next_step_until_it_is_accepted() {
    for back in [false, true] {
        let mut bench = bench();
        let later = bench.clock.now().plus(Millis::seconds(60));
        bench.world.outside.foreign.borrow_mut().push((later, "theirs".to_owned()));
        let why = moved(&bench.run_on()).to_owned();
        assert!(why.contains("somebody else deployed service `litellm`"), "{why}");
        assert!(why.contains("theirs"), "{why}");
        assert_eq!(bench.world.log(), ["one"]);
        if back {
            bench.control.wants(Some(Wish::RollBack("not now".to_owned())));
            assert_eq!(bench.run_on(), Ended::RolledBack("not now".to_owned()));
        } else {
            bench.answer_the_question();
            assert_eq!(bench.run_on(), Ended::Done);
            assert_eq!(bench.world.log(), ["one", "two"]);
        }
    }
}

#[test]
fn a_staged_change_stops_the_run_until_it_is_gone() {
    let mut bench = bench();
    bench.world.outside.staged.set(Some(bench.clock.now().plus(Millis::seconds(60))));
    for _ in 0..2 {
        let why = moved(&bench.run_on()).to_owned();
        assert!(why.contains("somebody else staged changes"), "{why}");
        assert_eq!(bench.world.log(), ["one"]);
        bench.answer_the_question();
    }
    bench.world.outside.staged.set(None);
    assert_eq!(bench.run_on(), Ended::Done);
}

/// Two steps that change a database, with an hour of soaking between them.
fn of_a_database() -> Bench {
    let statement = |name: &str| {
        let atomicity = Atomicity::Transaction;
        [effect(
            name,
            Kind::SqlExecute { connection: "main".to_owned(), statements: Vec::new(), atomicity },
        )]
    };
    let (one, two) = (statement("one"), statement("two"));
    let soak = Some(Millis::seconds(3600));
    let shape = Shape::default()
        .step(Step { soak, ..listed("first", &one) }, &one)
        .step(listed("second", &two), &two);
    Bench::new(&shape, FarSide::with(&[]))
}

#[test]
fn somebody_elses_change_of_a_schema_stops_the_run_before_the_next_step_until_it_is_accepted() {
    let mut bench = of_a_database();
    let from = |seconds| bench.clock.now().plus(Millis::seconds(seconds));
    let objects = [(from(0), "table app.t".to_owned()), (from(60), "table app.theirs".to_owned())];
    bench.world.outside.objects.replace(objects.into());
    let why = moved(&bench.run_on()).to_owned();
    assert!(why.contains("schema behind connection `main`"), "{why}");
    assert!(why.contains("table app.theirs is new"), "{why}");
    assert_eq!(bench.world.log(), ["one"]);
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
}

#[test]
fn what_changes_in_a_schema_while_a_step_goes_on_is_the_steps_own_doing() {
    let mut bench = of_a_database();
    let now = bench.clock.now();
    bench.world.fault("one", Fault::LateAnswer(Millis(5_000)));
    let ours = (now.plus(Millis(2_000)), "table app.ours".to_owned());
    bench.world.outside.objects.replace(vec![(now, "table app.t".to_owned()), ours]);
    assert_eq!(bench.run_on(), Ended::Done);
    let schemas = |event: &Event| matches!(event, Event::Schema { .. });
    assert_eq!(bench.journal.events().into_iter().filter(schemas).count(), 2, "changes only");
}

#[test]
fn a_schema_that_was_put_back_is_as_it_was() {
    let mut bench = of_a_database();
    let from = |seconds| bench.clock.now().plus(Millis::seconds(seconds));
    let ours = (from(0), "table app.t".to_owned());
    let theirs = (from(60), "table app.theirs".to_owned());
    bench.world.outside.objects.replace(vec![ours.clone(), theirs]);
    moved(&bench.run_on());
    bench.world.outside.objects.replace(vec![ours]);
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn what_a_step_made_of_a_schema_is_not_taken_back_unseen() {
    let mut bench = of_a_database();
    bench.options.detach = true;
    let now = bench.clock.now();
    bench.world.fault("one", Fault::LateAnswer(Millis(5_000)));
    let before = (now, "table app.t".to_owned());
    let ours = (now.plus(Millis(2_000)), "table app.ours".to_owned());
    bench.world.outside.objects.replace(vec![before.clone(), ours]);
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Soak { .. })));
    bench.world.outside.objects.replace(vec![before]);
    bench.clock.pass(Millis::seconds(3600));
    let why = moved(&bench.run_on()).to_owned();
    assert!(why.contains("table app.ours is gone"), "{why}");
}
