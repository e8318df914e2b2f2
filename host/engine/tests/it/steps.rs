//! The life of one step: rounds, limits, looks that fail, the soak.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{
    Drive, Effect, Fact, Failure, Millis, Observation, Progress, Step, Value,
};
use lockstep_engine::run::{Clock, Ended, Follow, Wait, Wish};

use crate::fake::{
    Act, AppendFate, Bench, FarSide, Shape, command, label, listed, panicked, unavailable,
};

fn effects() -> [Effect; 2] {
    [command("one", "INCR", "one"), command("two", "INCR", "two")]
}

fn bench(change: impl Fn(&mut Step)) -> Bench {
    let mut step = listed("count", &effects());
    change(&mut step);
    Bench::new(&Shape::default().step(step, &effects()), FarSide::default())
}

fn passing() -> Failure {
    Failure::transient("net:busy", "try again")
}

#[track_caller]
fn fails_with(bench: &mut Bench, words: &str) {
    let ended = bench.run_on();
    assert!(matches!(&ended, Ended::RolledBack(why) if why.contains(words)), "{ended:?}");
}

#[test]
fn another_round_performs_every_effect_once_more() {
    for drive in [Drive::Listed, Drive::Guided] {
        let mut bench = bench(|step| {
            step.rounds = 3;
            step.drive = drive;
        });
        bench.guest.part("count").rounds = 3;
        bench.guest.part("count").acts =
            vec![Act::Perform("one", Vec::new()), Act::Perform("two", Vec::new())];
        assert_eq!(bench.run_on(), Ended::Done);
        assert_eq!(bench.world.log(), ["one", "two", "one", "two", "one", "two"]);
        assert_eq!(bench.guest.count("observe", "count"), 3);
    }
}

#[test]
fn a_step_takes_no_more_rounds_than_the_plan_says() {
    let mut bench = bench(|step| step.rounds = 2);
    bench.guest.part("count").rounds = 9;
    fails_with(&mut bench, "took all of its 2 rounds");
    assert_eq!(bench.world.log().len(), 4);
}

#[test]
fn what_is_already_reached_is_done_without_an_effect() {
    let mut bench = bench(|_| {});
    let nothing = Observation::NothingToDo("already so".to_owned());
    bench.guest.part("count").observe.push_back(Ok(Ok(nothing)));
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.guest.count("check", "count"), 0);
}

#[test]
fn each_look_is_given_the_memo_of_the_one_before() {
    let mut bench = bench(|_| {});
    bench.guest.part("count").looks = 3;
    assert_eq!(bench.run_on(), Ended::Done);
    let memos: Vec<Option<Value>> = bench
        .guest
        .calls
        .iter()
        .filter(|(called, ..)| *called == "check")
        .map(|(_, _, memo)| memo.first().map(|fact| fact.rows[0][0].clone()))
        .collect();
    let looked = |count| Some(Value::Integer(count));
    assert_eq!(memos, [None, looked(1), looked(2), looked(3)]);
    let fact = Fact::one("looked", Value::Integer(1));
    let kept = bench.journal.events().iter().any(|event| {
        serde_json::to_string(event).unwrap().contains(&serde_json::to_string(&fact).unwrap())
    });
    assert!(!kept, "looks are not records");
}

#[test]
fn a_look_that_fails_for_a_passing_reason_is_neither_passed_nor_failed() {
    let mut bench = bench(|_| {});
    let part = bench.guest.part("count");
    part.observe.extend([Ok(Err(passing())), Ok(Err(passing()))]);
    part.check.extend([Ok(Err(passing())), Err(unavailable("check")), Ok(Err(passing()))]);
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.world.log(), ["one", "two"]);
}

#[test]
fn a_look_that_fails_for_good_or_finds_the_end_unreachable_fails_the_step() {
    let mut bench = bench(|_| {});
    bench.guest.part("count").check.push_back(Ok(Err(Failure::permanent("x:no", "no"))));
    fails_with(&mut bench, "x:no");
    let mut bench = self::bench(|_| {});
    bench.guest.part("count").check.push_back(Ok(Ok(Progress::Failed("lag grows".to_owned()))));
    fails_with(&mut bench, "lag grows");
    let mut bench = self::bench(|_| {});
    bench.guest.part("count").observe.push_back(Ok(Err(Failure::permanent("x:no", "no"))));
    fails_with(&mut bench, "x:no");
    assert!(bench.sent().is_empty());
}

#[test]
fn a_plugin_that_traps_is_not_asked_about_the_step_again() {
    for function in ["observe", "check", "apply"] {
        let mut bench = bench(|step| {
            step.drive = if function == "apply" { Drive::Guided } else { Drive::Listed };
        });
        let part = bench.guest.part("count");
        match function {
            "observe" => part.observe.push_back(Err(panicked("observe"))),
            "check" => part.check.push_back(Err(panicked("check"))),
            _ => part.acts = vec![Act::Perform("one", Vec::new()), Act::Stop(panicked("apply"))],
        }
        fails_with(&mut bench, "plugin:stopped");
        assert_eq!(bench.guest.count(function, "count"), 1);
    }
}

#[test]
fn a_host_that_can_not_run_the_plugin_twice_fails_the_step() {
    let mut bench = bench(|_| {});
    bench.guest.part("count").check.extend([Err(unavailable("check")), Err(unavailable("check"))]);
    fails_with(&mut bench, "plugin:stopped");
}

#[test]
fn time_without_a_process_does_not_count_against_a_step() {
    for away in [true, false] {
        let mut bench = bench(|step| step.limit = Millis::seconds(60));
        if away {
            bench.journal.fates.borrow_mut().extend([AppendFate::Kept, AppendFate::KeptAndLost]);
            assert!(bench.run().is_err());
            bench.clock.pass(Millis::seconds(86_400));
        } else {
            let after = Millis::seconds(61);
            bench.world.follow_once("one", Ok(Follow::Going { after, note: "slow".to_owned() }));
            bench.world.follow_once("one", Ok(Follow::Going { after, note: "slow".to_owned() }));
        }
        let ended = bench.run_on();
        assert_eq!(ended == Ended::Done, away, "{ended:?}");
    }
}

#[test]
fn a_plugin_can_not_make_the_host_spin_or_sleep_through_its_limit() {
    let mut bench = bench(|_| {});
    let wait = |after| {
        Ok(Ok(Observation::Wait(lockstep_engine::model::Pending {
            after: Millis(after),
            note: "not yet".to_owned(),
            done: None,
            total: None,
            memo: Vec::new(),
        })))
    };
    let begun = bench.clock.now();
    bench.guest.part("count").observe.extend([wait(0), wait(u64::MAX)]);
    assert_eq!(bench.run_on(), Ended::Done);
    let passed = bench.clock.now().since(begun);
    assert!((60_010..62_000).contains(&passed.0), "{passed:?}");
}

#[test]
fn a_soak_counts_on_the_clock_and_needs_no_process() {
    let soak = |step: &mut Step| step.soak = Some(Millis::seconds(3600));
    let mut bench = bench(soak);
    bench.control.wants_after(10, Some(Wish::Pause));
    assert_eq!(bench.run_on(), Ended::Waiting(Wait::Paused));
    let Some(Event::Checked { soak_until: Some(until), .. }) =
        bench.journal.events().into_iter().find(|event| matches!(event, Event::Checked { .. }))
    else {
        panic!("checked, and durable before the soak");
    };
    bench.control.wants(None);
    bench.clock.pass(Millis::seconds(1800));
    bench.control.wants_after(5, Some(Wish::Pause));
    assert_eq!(bench.run_on(), Ended::Waiting(Wait::Paused));
    bench.control.wants(None);
    bench.clock.pass(Millis::seconds(3600));
    let checks = bench.guest.count("check", "count");
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(bench.journal.records().last().unwrap().at >= until);
    assert_eq!(bench.guest.count("check", "count"), checks, "checked once");
    assert_eq!(bench.world.log(), ["one", "two"]);
}

#[test]
fn a_soak_lasts_as_long_as_the_plan_says() {
    let mut bench = bench(|step| step.soak = Some(Millis::seconds(100)));
    let begun = bench.clock.now();
    assert_eq!(bench.run_on(), Ended::Done);
    assert!(bench.clock.now().since(begun) >= Millis::seconds(100));
    assert!(bench.journal.state().began(&label("one")));
}
