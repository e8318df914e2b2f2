//! L4 and L5: the life of one effect, whatever the network and the journal do.

use lockstep_engine::journal::{Event, Fate, Sent};
use lockstep_engine::model::{Effect, Fact, Failure, Millis, Step, Undo};
use lockstep_engine::run::{AppendError, Ended, Follow, RunError, Wait, Wish};

use crate::fake::{
    AppendFate, Bench, FarSide, Fault, Shape, command, deploy, label, listed, pinned, set_image,
};

fn effects() -> [Effect; 2] {
    [command("one", "INCR", "one"), command("two", "INCR", "two")]
}

fn bench() -> Bench {
    Bench::new(&Shape::default().step(listed("count", &effects()), &effects()), FarSide::default())
}

fn passing() -> Failure {
    Failure::transient("net:busy", "try again")
}

#[test]
fn a_journal_that_refuses_the_intent_stops_the_effect() {
    let mut bench = bench();
    bench.journal.fates.borrow_mut().push_back(AppendFate::Lost);
    assert!(matches!(bench.run(), Err(RunError::Journal(AppendError::Store(_)))));
    assert!(bench.world.sent.borrow().is_empty());
}

#[test]
fn an_intent_that_is_durable_although_its_append_failed_is_settled_and_sent_once() {
    let mut bench = bench();
    bench.journal.fates.borrow_mut().push_back(AppendFate::KeptAndLost);
    assert!(matches!(bench.run(), Err(RunError::Journal(AppendError::Store(_)))));
    assert!(bench.world.sent.borrow().is_empty());
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
    let did_not = Event::Settled { label: label("one"), fate: Fate::DidNot };
    assert!(bench.journal.events().contains(&did_not));
}

#[test]
fn an_intent_whose_commit_takes_too_long_is_not_sent() {
    let mut bench = bench();
    bench.journal.fates.borrow_mut().push_back(AppendFate::Slow(Millis::seconds(11)));
    assert_eq!(bench.run_on(), Ended::Done);
    let expired = bench.journal.events().iter().any(|event| {
        matches!(event, Event::Answered { sent: Sent::Refused(failure), .. } if failure.problem().code == "effect:expired")
    });
    assert!(expired);
    assert_eq!(bench.sent(), [label("one"), label("two")]);
}

#[test]
fn a_process_that_lost_its_lease_sends_nothing() {
    let mut bench = bench();
    bench.journal.steal.set(true);
    assert!(matches!(bench.run(), Err(RunError::Journal(AppendError::Superseded { .. }))));
    assert!(bench.world.sent.borrow().is_empty());
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn what_is_refused_for_a_passing_reason_is_tried_again_and_not_for_ever() {
    let mut bench = bench();
    for _ in 0..5 {
        bench.world.fault("one", Fault::Refused(passing()));
    }
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.sent().len(), 7);

    let mut bench = self::bench();
    for _ in 0..6 {
        bench.world.fault("two", Fault::Refused(passing()));
    }
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("effect:attempts")));
    assert_eq!(bench.world.log(), ["one"]);
}

#[test]
fn what_is_refused_for_good_is_not_tried_again() {
    let mut bench = bench();
    bench.world.fault("one", Fault::Refused(Failure::permanent("x:no", "no")));
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("x:no")));
    assert_eq!(bench.sent(), [label("one")]);
}

#[test]
fn an_unknown_outcome_is_settled_and_never_plainly_retried() {
    let mut bench = bench();
    bench.world.fault("one", Fault::LostAfter);
    bench.world.fault("two", Fault::LostBefore);
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
    assert_eq!(bench.sent(), [label("one"), label("two"), label("two")]);
    let fates: Vec<Fate> = bench
        .journal
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Settled { fate, .. } = event { Some(fate) } else { None })
        .collect();
    assert!(matches!(&fates[..], [Fate::Happened(_), Fate::DidNot]), "{fates:?}");
}

#[test]
fn an_effect_that_is_still_going_on_is_looked_at_until_it_is_over() {
    let mut bench = bench();
    bench.world.fault("one", Fault::Slow(50));
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.sent(), [label("one"), label("two")]);
    assert_eq!(bench.world.looks.get(), 51);
}

#[test]
fn an_effect_that_never_ends_is_asked_about() {
    let mut bench = bench();
    bench.world.fault("one", Fault::Slow(1_000));
    assert!(
        matches!(bench.run_on(), Ended::Stuck(question) if question.contains("still going on"))
    );
    assert_eq!(bench.sent(), [label("one")]);
}

#[test]
fn a_pause_is_heard_while_an_effect_is_still_going_on() {
    let mut bench = bench();
    bench.world.fault("one", Fault::Slow(50));
    bench.control.wants_after(20, Some(Wish::Pause));
    assert_eq!(bench.run_on(), Ended::Waiting(Wait::Paused));
    assert!(bench.world.looks.get() < 50);
    bench.control.wants(None);
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
}

#[test]
fn where_the_far_side_can_not_tell_a_person_is_asked_and_believed() {
    for happened in [true, false] {
        let mut bench = bench();
        bench.world.fault("one", Fault::Untold(happened));
        let stuck = bench.run_on();
        assert!(matches!(&stuck, Ended::Stuck(question) if question.contains("did `one` happen?")));
        assert_eq!(bench.run_on(), stuck, "asking again changes nothing");
        bench.answer_the_question();
        assert_eq!(bench.run_on(), Ended::Done);
        assert_eq!(bench.world.log(), ["one", "two"]);
        assert_eq!(bench.sent().len(), if happened { 2 } else { 3 });
    }
}

#[test]
fn a_taker_waits_until_the_former_process_can_no_longer_send() {
    for gone in [true, false] {
        let mut bench = bench();
        bench.journal.fates.borrow_mut().push_back(AppendFate::KeptAndLost);
        assert!(bench.run().is_err());
        let Some(Event::Intended(intent)) = bench.journal.last() else { panic!("an intent") };
        bench.former_holder_is_gone = gone;
        assert_eq!(bench.run_on(), Ended::Done);
        let records = bench.journal.records();
        let settled = |event: &Event| matches!(event, Event::Settled { .. });
        let settled = records.iter().find(|record| settled(&record.event)).map(|record| record.at);
        assert_eq!(settled.unwrap() >= intent.not_after, !gone);
    }
}

#[test]
fn a_long_effect_is_followed_to_its_end_before_the_next_begins() {
    let mut bench = bench();
    let going = || Ok(Follow::Going { after: Millis::seconds(1), note: "building".to_owned() });
    bench.world.follow_once("one", going());
    bench.world.follow_once("one", Err(passing()));
    bench.world.follow_once("one", Ok(Follow::Finished(vec![Fact::text("url", "u")])));
    assert_eq!(bench.run_on(), Ended::Done);
    let events = bench.journal.events();
    let ended = Event::Ended { label: label("one"), facts: vec![Fact::text("url", "u")] };
    let at = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let next =
        at(&|event| matches!(event, Event::Intended(intent) if intent.label == label("two")));
    assert!(at(&|event| *event == ended) < next);
    assert_eq!(bench.journal.state().given(&label("one")).len(), 2);
}

#[test]
fn a_long_effect_that_ends_badly_fails_its_step() {
    let mut bench = bench();
    bench.world.follow_once("one", Ok(Follow::Failed("crashed at start".to_owned())));
    assert!(matches!(bench.run_on(), Ended::RolledBack(why) if why.contains("crashed at start")));
    assert_eq!(bench.world.log(), ["one"]);
}

#[test]
fn what_someone_else_changed_since_the_plan_is_not_overwritten() {
    let far = FarSide::with(&[("redis", &[("image", &pinned('a'))])]);
    let effects = [set_image("image", "redis", &pinned('b'))];
    let mut bench = Bench::new(&Shape::default().step(listed("s", &effects), &effects), far);
    let theirs = |bench: &Bench, digit| {
        let mut far = bench.world.far.borrow_mut();
        far.configured.get_mut("redis").unwrap().insert("image".to_owned(), pinned(digit));
    };
    theirs(&bench, 'c');
    let moved = bench.run_on();
    assert!(
        matches!(&moved, Ended::Waiting(Wait::Moved(why)) if why.contains("would change `image`"))
    );
    assert_eq!(bench.run_on(), moved);
    assert!(bench.world.sent.borrow().is_empty());
    theirs(&bench, 'a');
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn an_image_that_someone_else_configured_since_the_plan_is_not_deployed() {
    let far = FarSide::with(&[("redis", &[("image", &pinned('a'))])]);
    let image = [set_image("image", "redis", &pinned('b'))];
    let go = [deploy("deploy", "redis")];
    let shape = Shape::default().step(listed("s", &image), &image).step(listed("t", &go), &go);
    let mut bench = Bench::new(&shape, far);
    bench.guest.part("s").looks = 1;
    bench.options.until = Some("s".parse().unwrap());
    assert!(matches!(bench.run_on(), Ended::Waiting(Wait::Until(_))));
    bench.options.until = None;
    let theirs = |bench: &Bench, digit| {
        let mut far = bench.world.far.borrow_mut();
        far.configured.get_mut("redis").unwrap().insert("image".to_owned(), pinned(digit));
    };
    theirs(&bench, 'c');
    let moved = bench.run_on();
    assert!(
        matches!(&moved, Ended::Waiting(Wait::Moved(why)) if why.contains("would deploy `image`")),
        "{moved:?}"
    );
    assert_eq!(bench.sent(), [label("image")]);
    theirs(&bench, 'b');
    bench.answer_the_question();
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn a_start_command_that_someone_else_configured_since_the_plan_is_not_deployed() {
    let far = FarSide::with(&[("redis", &[("image", &pinned('a'))])]);
    let go = [deploy("deploy", "redis")];
    let mut bench = Bench::new(&Shape::default().step(listed("s", &go), &go), far);
    let theirs = "redis-server --appendonly no".to_owned();
    bench
        .world
        .far
        .borrow_mut()
        .configured
        .get_mut("redis")
        .unwrap()
        .insert("start-command".to_owned(), theirs);
    let moved = bench.run_on();
    let why = "the plan found nothing, and now redis-server --appendonly no stands there";
    assert!(matches!(&moved, Ended::Waiting(Wait::Moved(said)) if said.contains(why)), "{moved:?}");
    assert!(bench.sent().is_empty());
}

#[test]
fn what_stands_is_read_again_after_a_passing_failure_and_nothing_is_sent_blindly() {
    let mut bench = bench();
    bench.world.unreadable.borrow_mut().extend([passing(), passing()]);
    assert_eq!(bench.run_on(), Ended::Done);

    let mut bench = self::bench();
    bench.world.unreadable.borrow_mut().push_back(Failure::permanent("x:no", "no"));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert!(bench.world.sent.borrow().is_empty());
}

#[test]
fn an_outcome_whose_append_failed_and_is_durable_is_not_sent_again() {
    let mut bench = bench();
    bench.journal.fates.borrow_mut().extend([AppendFate::Kept, AppendFate::KeptAndLost]);
    assert!(bench.run().is_err());
    assert_eq!(bench.world.log(), ["one"]);
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
}

#[test]
fn a_value_that_came_true_after_it_was_taken_for_undone_is_the_runs_own_and_is_taken_back() {
    let image = [set_image("image", "redis", &pinned('b'))];
    let more = [command("more", "INCR", "more")];
    let far = FarSide::with(&[("redis", &[("image", &pinned('a'))])]);
    let shape = Shape::default()
        .step(Step { undo: Undo::Restore, ..listed("s", &image) }, &image)
        .step(listed("t", &more), &more);
    for fails in [false, true] {
        let mut bench = Bench::new(&shape, far.clone());
        bench.world.fault("image", Fault::Late);
        if fails {
            bench.world.fault("more", Fault::Refused(Failure::permanent("x:no", "no")));
        }
        let ended = bench.run_on();
        assert_eq!(bench.sent().iter().filter(|sent| **sent == label("image")).count(), 1);
        let image = bench.world.far.borrow().setting("redis", "image").unwrap();
        if fails {
            assert!(matches!(ended, Ended::RolledBack(_)), "{ended:?}");
            assert_eq!(image, pinned('a'));
        } else {
            assert_eq!((ended, image), (Ended::Done, pinned('b')));
        }
    }
}

#[test]
fn the_far_side_is_told_when_the_last_of_an_effect_can_have_been_sent() {
    let mut bench = bench();
    bench.world.fault("one", Fault::LostBefore);
    assert_eq!(bench.run_on(), Ended::Done);
    let settled = bench.world.settled.borrow().clone();
    let sent = bench.world.sent.borrow().clone();
    assert_eq!(settled[0].label, label("one"));
    assert!(settled[0].not_after < sent[0].not_after, "this process sends nothing while it looks");
    assert!(settled[0].not_after >= sent[0].begun);
}
