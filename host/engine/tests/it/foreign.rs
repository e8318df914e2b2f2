//! Other people's hands: what they change meanwhile stops a run until somebody has looked.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Effect, Millis, Step, Undo};
use lockstep_engine::run::{Clock as _, Ended, Wait, Wish};

use crate::fake::{Bench, FarSide, Shape, deploy, listed, pinned};

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
