//! What a run does when nothing can be seen, and what a person who resumes it gets tried again.

use lockstep_engine::journal::{Direction, Event};
use lockstep_engine::model::{Effect, Failure, Millis, Observation, Pending, Progress, Step, Undo};
use lockstep_engine::run::{Claimant, Ended, Follow, OnFailure, Wait};

use crate::fake::{Bench, FarSide, Shape, command, listed, step_id, undo_of};

fn incr(name: &str) -> [Effect; 1] {
    [command(name, "INCR", name)]
}

/// A step that counts and forgets the count on the way back, whose limit is a minute.
fn bench(loss: Option<&str>) -> Bench {
    soaking(loss, None)
}

fn soaking(loss: Option<&str>, soak: Option<Millis>) -> Bench {
    let back = [command("back", "RESET", "one")];
    let step = Step {
        undo: Undo::Steps(vec![step_id("un-s")]),
        loss: loss.map(str::to_owned),
        limit: Millis::seconds(60),
        soak,
        ..listed("s", &incr("one"))
    };
    let shape = Shape::default().step(step, &incr("one"));
    Bench::new(&shape.undo(undo_of("un-s", &back, &["one"]), &back), FarSide::default())
}

fn blind() -> Failure {
    Failure::transient("railway:timeout", "no answer")
}

fn pending(note: &str) -> Pending {
    let (note, memo) = (note.to_owned(), Vec::new());
    Pending { after: Millis::seconds(1), note, done: None, total: None, memo }
}

#[track_caller]
fn stuck(ended: &Ended) -> &str {
    let Ended::Stuck(question) = ended else { panic!("{ended:?}") };
    question
}

#[test]
fn what_may_be_serving_is_not_taken_back_because_nothing_can_be_seen() {
    let mut bench = bench(Some("a day of writes"));
    bench.guest.part("s").check.extend(vec![Ok(Err(blind())); 1000]);
    let ended = bench.run_on();
    for words in ["nothing can be seen of step `s`", "railway:timeout", "lose a day of writes"] {
        assert!(stuck(&ended).contains(words), "{ended:?}");
    }
    assert_eq!(bench.world.log(), ["one"]);
    assert!(bench.journal.state().loss_of_going_back(&bench.plan.authority).is_some());
    // Once it can be seen again, a person who resumes finds the step at its end.
    bench.guest.part("s").check.clear();
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one"]);
}

#[test]
fn what_was_at_its_end_is_not_taken_back_because_the_claim_can_not_be_read() {
    let mut bench = soaking(Some("a day of writes"), Some(Millis::seconds(3600)));
    bench.options.claimant = Some(Claimant {
        store: "ours".to_owned(),
        holder: "ada".to_owned(),
        settle: Millis::seconds(3),
        over: None,
    });
    bench.options.detach = true;
    let ended = bench.run_on();
    assert!(matches!(ended, Ended::Waiting(Wait::Soak { .. })), "{ended:?}");
    let refused = Failure::permanent("railway:unauthorized", "the token is no longer valid");
    bench.world.outside.claim_fails.replace(Some(refused));
    let ended = bench.run_on();
    for words in ["the token is no longer valid", "lose a day of writes"] {
        assert!(stuck(&ended).contains(words), "{ended:?}");
    }
    bench.world.outside.claim_fails.replace(None);
    bench.options.detach = false;
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one"]);
}

#[test]
fn what_never_began_or_loses_nothing_goes_back_when_nothing_can_be_seen() {
    let mut bench = bench(None);
    bench.guest.part("s").check.extend(vec![Ok(Err(blind())); 1000]);
    assert!(
        matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("nothing can be seen"))
    );
    assert_eq!(bench.world.log(), ["one", "back"]);

    let mut bench = self::bench(Some("a day of writes"));
    bench.guest.part("s").observe.extend(vec![Ok(Err(blind())); 1000]);
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert!(bench.world.log().is_empty());
}

#[test]
fn the_first_look_that_sees_something_after_the_limit_decides() {
    for (last, done) in
        [(Progress::Done(Vec::new()), true), (Progress::Pending(pending("starting")), false)]
    {
        let mut bench = bench(Some("a day of writes"));
        // Each blind look waits five seconds at most, so these pass the limit and stay below the time that is waited blind.
        bench.guest.part("s").check.extend(vec![Ok(Err(blind())); 25]);
        bench.guest.part("s").check.push_back(Ok(Ok(last)));
        let ended = bench.run_on();
        assert_eq!(ended == Ended::Done, done, "{ended:?}");
        if !done {
            let why = "over its limit: starting";
            assert!(matches!(&ended, Ended::RolledBack(found) if found.contains(why)), "{ended:?}");
        }
    }
}

#[test]
fn a_wait_that_is_seen_still_ends_at_the_limit() {
    let mut bench = bench(None);
    let wait = |_| Ok(Ok(Observation::Wait(pending("a backup is under way"))));
    bench.guest.part("s").observe.extend((0..1000).map(wait));
    let ended = bench.run_on();
    let why = "over its limit: a backup is under way";
    assert!(matches!(&ended, Ended::RolledBack(found) if found.contains(why)), "{ended:?}");
}

#[test]
fn whoever_resumes_has_what_ended_badly_sent_again() {
    let mut bench = bench(None);
    bench.options.on_failure = OnFailure::Stop;
    let crashed = || Ok(Follow::Failed("crashed at start".to_owned()));
    bench.world.follow_once("one", crashed());
    assert!(stuck(&bench.run_on()).contains("crashed at start"));
    // Taking the run up again without a word of anybody asks again, and sends nothing.
    assert!(stuck(&bench.run_on()).contains("crashed at start"));
    assert_eq!(bench.world.log(), ["one"]);
    bench.world.follow_once("one", crashed());
    bench.answer_the_question();
    assert!(stuck(&bench.run_on()).contains("crashed at start"));
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "one", "one"]);
}

#[test]
fn on_the_way_back_too_and_what_ended_badly_is_undone() {
    let mut bench = bench(None);
    bench.world.follow_once("one", Ok(Follow::Failed("crashed at start".to_owned())));
    bench.world.follow_once("back", Ok(Follow::Failed("crashed again".to_owned())));
    assert!(stuck(&bench.run_on()).contains("crashed again"));
    bench.answer_the_question();
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["one", "back", "back"]);
    assert_eq!(bench.journal.state().direction, Direction::Back);
    let badly = |event: &Event| matches!(event, Event::EndedBadly { .. });
    assert_eq!(bench.journal.events().iter().filter(|event| badly(event)).count(), 2);
}
