//! Critical sections (L14): what a plan may say of one, and how one is backed out of.

use lockstep_engine::journal::{Direction, Event};
use lockstep_engine::model::{
    Claim, Effect, Failure, Gate, MAX_OUTAGE, Millis, Observation, Pending, Progress, Step,
    Trigger, Undo, Verdict, Watch,
};
use lockstep_engine::run::{Claimant, Clock as _, Ended, OnFailure, Wait, Wish};

use crate::fake::{
    AppendFate, Bench, FarSide, Fault, Lifted, Shape, command, hold, label, listed, panicked,
    pinned, release, section, set_image, step_id, undo_of,
};

const LONGEST: Millis = Millis::seconds(30);

fn far() -> FarSide {
    FarSide::with(&[("redis", &[("image", &pinned('a'))])])
}

/// A step before, then a section: block writes, count, let them flow; then a step after.
fn shape_with(change: impl Fn(&mut Vec<Step>)) -> Shape {
    let counting = |name: &str, shape: Shape| {
        let (count, back) = (command(name, "INCR", name), format!("un-{name}"));
        let reset = command(&back, "RESET", name);
        let undo = format!("undo-{name}");
        let step = Step {
            undo: Undo::Steps(vec![step_id(&undo)]),
            ..listed(name, std::slice::from_ref(&count))
        };
        let undo = undo_of(&undo, std::slice::from_ref(&reset), &[name]);
        shape.step(step, &[count]).undo(undo, &[reset])
    };
    let mut shape = counting("before", Shape::default());
    let held = [hold("hold", LONGEST)];
    let step = Step { undo: Undo::Restore, ..listed("hold", &held) };
    shape = shape.step(section(step, "cut", Some(LONGEST)), &held);
    shape = counting("switch", shape);
    let switch = shape.steps.pop().unwrap();
    shape.steps.push(section(switch, "cut", None));
    let lifts = [release("release", "hold")];
    shape = shape.step(section(listed("release", &lifts), "cut", None), &lifts);
    shape = counting("after", shape);
    change(&mut shape.steps);
    shape
}

fn bench() -> Bench {
    let mut bench = Bench::new(&shape_with(|_| {}), far());
    for step in ["before", "hold", "switch", "release", "after"] {
        bench.guest.part(step).rounds = 1;
    }
    bench
}

/// Something that goes wrong.
type Trouble<'a> = &'a dyn Fn(&mut Bench);

/// The run is back where it began, writes flow, and this is why.
#[track_caller]
fn is_backed_out(bench: &Bench, ended: &Ended, why: &str) {
    let Ended::RolledBack(said) = ended else { panic!("{ended:?}") };
    assert!(said.contains(why), "{said}");
    assert!(!bench.world.holds.any());
    assert_eq!(*bench.world.far.borrow(), far());
    let waits = |event: &Event| matches!(event, Event::Moved { .. } | Event::Stuck { .. });
    assert!(!bench.journal.events().iter().any(waits), "{:?}", bench.journal.events());
}

#[track_caller]
fn is_refused(shape: &Shape, words: &str) {
    let error = shape.freeze(&far()).expect_err("must be refused");
    assert!(error.problems.iter().any(|problem| problem.contains(words)), "{error}");
}

#[track_caller]
fn refused(step: usize, words: &str, change: impl Fn(&mut Step)) {
    is_refused(&shape_with(|steps| change(&mut steps[step])), words);
}

#[test]
fn a_section_that_could_not_be_backed_out_of_is_refused_by_name() {
    shape_with(|_| {}).freeze(&far()).unwrap();
    let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    refused(2, "the steps of a section are consecutive", |step| step.extra.clear());
    refused(2, "a gate inside section `cut`", |step| step.gates = vec![Gate::Window]);
    refused(3, "a gate inside section `cut`", |step| {
        step.gates = vec![Gate::Approval("now?".to_owned())];
    });
    refused(3, "`release` soaks in section `cut`", |step| step.soak = Some(Millis(1)));
    let impossible = |step: &mut Step| step.undo = Undo::Impossible("gone".to_owned());
    refused(2, "step `switch`, in section `cut`, can't be undone", impossible);
    refused(0, "step `before`, before section `cut`, can't be undone", impossible);
    refused(3, "lifts a block by `release` and can't be undone", impossible);
    refused(2, "step `switch`, in section `cut`, has a loss", |step| {
        step.loss = Some("rows".to_owned());
    });
    refused(1, "section `cut` has no deadline: its first step, `hold`,", |step| {
        step.extra.truncate(1);
    });
    for (text, words) in [
        ("0", "nothing could be done"),
        ("600001", "600000 ms are possible"),
        ("+5", "digits alone"),
        ("soon", "digits alone"),
    ] {
        refused(1, words, |step| step.extra[1].1 = text.to_owned());
    }
    refused(2, "two deadlines: 30000 ms, and 5 ms in step `switch`", |step| {
        step.extra.push(own(MAX_OUTAGE, "5"));
    });
    refused(2, "step `switch` has `section` twice", |step| step.extra.push(own("section", "cut")));
    refused(0, "belongs to no section", |step| step.extra = vec![own(MAX_OUTAGE, "5")]);
    refused(0, "whose name is no name: `A b`", |step| step.extra = vec![own("section", "A b")]);
    let mut shape = shape_with(|_| {});
    shape.undo[0].extra = vec![own("section", "cut")];
    is_refused(&shape, "undo step `undo-before` has `section`");
}

#[test]
fn a_block_on_writes_that_might_stay_is_refused_by_name() {
    refused(1, "`hold` of step `hold` blocks writes outside of a critical section", |step| {
        step.extra.clear();
    });
    refused(1, "the way back of its step does not lift that", |step| step.undo = Undo::Nothing);
    refused(1, "in a step of one round", |step| step.rounds = 2);
    refused(3, "lifts `hold`, which blocks no writes in the same section", |step| {
        step.extra = vec![
            ("section".to_owned(), "other".to_owned()),
            (MAX_OUTAGE.to_owned(), "1000".to_owned()),
        ];
    });
    let with = |change: &dyn Fn(&mut Vec<Effect>)| {
        let mut shape = shape_with(|_| {});
        change(&mut shape.effects);
        shape
    };
    let of = |effects: &mut Vec<Effect>, name: &str, other: Effect| {
        *effects.iter_mut().find(|effect| effect.label == label(name)).unwrap() = other;
    };
    let long = with(&|all| of(all, "hold", hold("hold", Millis::seconds(31))));
    is_refused(&long, "blocks writes for longer than section `cut` may take");
    let never = with(&|all| of(all, "hold", hold("hold", Millis(0))));
    is_refused(&never, "or not at all");
    let not_lifted = with(&|all| of(all, "release", command("release", "INCR", "x")));
    is_refused(&not_lifted, "section `cut` lifts that 0 times");
    let other = with(&|all| of(all, "release", release("release", "switch")));
    is_refused(&other, "lifts `switch`, which blocks no writes in the same section");
}

#[test]
fn a_section_that_goes_well_lifts_its_block_by_itself() {
    let mut bench = bench();
    assert_eq!(bench.run_on(), Ended::Done);
    let began = bench.journal.at(|event| matches!(event, Event::SectionBegan { .. }));
    let deadline = bench.journal.state().sections["cut"];
    assert_eq!(deadline, began.plus(LONGEST));
    let past = bench.world.holds.past();
    assert_eq!(past.len(), 1);
    assert_eq!(past[0].lifted, Lifted::Released);
    // What is sent in a section is not sent after its deadline.
    let intents = bench.world.sent.borrow();
    let inside = |intent: &&lockstep_engine::journal::Intent| intent.step == step_id("switch");
    assert!(intents.iter().find(inside).unwrap().not_after <= deadline);
}

#[test]
fn whatever_goes_wrong_inside_turns_the_run_round_even_where_it_would_stop() {
    let wrong: [(&str, Trouble<'_>); 7] = [
        ("not equal", &|bench| {
            let failed = Progress::Failed("not equal".to_owned());
            bench.guest.part("switch").check.push_back(Ok(Ok(failed)));
        }),
        ("a table appeared", &|bench| {
            let moved = Observation::Moved("a table appeared".to_owned());
            bench.guest.part("switch").observe.push_back(Ok(Ok(moved)));
        }),
        ("index out of bounds", &|bench| {
            bench.guest.part("switch").check.push_back(Err(panicked("check")));
        }),
        ("not allowed", &|bench| {
            let denied = Failure::denied("grant:missing", "not allowed");
            bench.guest.part("switch").check.push_back(Ok(Err(denied)));
        }),
        ("no", &|bench| {
            let no = Failure::permanent("x:no", "no");
            bench.world.fault("switch", Fault::Refused(no));
        }),
        ("writes were not blocked any more", &|bench| {
            bench.world.holds.lost_after.set(Some(Millis(5)));
            bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(pending()))));
        }),
        ("over its deadline", &|bench| {
            for _ in 0..100 {
                let slow = Pending { after: Millis::seconds(1), ..pending() };
                bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(slow))));
            }
        }),
    ];
    for (why, break_it) in wrong {
        let mut bench = bench();
        bench.options.on_failure = OnFailure::Stop;
        break_it(&mut bench);
        let ended = bench.run_on();
        is_backed_out(&bench, &ended, why);
    }
}

fn pending() -> Pending {
    Pending {
        after: Millis(10),
        note: "draining".to_owned(),
        done: None,
        total: None,
        memo: Vec::new(),
    }
}

#[test]
fn a_deadline_is_noticed_at_once_however_long_a_plugin_would_wait() {
    let mut bench = bench();
    let slow = Pending { after: Millis::seconds(60), ..pending() };
    bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(slow))));
    let ended = bench.run_on();
    is_backed_out(&bench, &ended, "over its deadline of 30000 ms");
    let turned = bench.journal.at(|event| matches!(event, Event::TurnedBack { .. }));
    assert_eq!(turned, bench.journal.state().sections["cut"]);
}

#[test]
fn who_asks_to_stop_inside_makes_it_back_out_first() {
    let mut bench = bench();
    for _ in 0..50 {
        bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(pending()))));
    }
    bench.control.wants_after(40, Some(Wish::Pause));
    let ended = bench.run_on();
    assert_eq!(ended, Ended::Waiting(Wait::Paused));
    let state = bench.journal.state();
    assert_eq!(state.direction, Direction::Back);
    assert!(state.turned_back.unwrap().contains("a person asked to stop inside section `cut`"));
    assert!(bench.world.log().contains(&"un-switch".to_owned()), "{:?}", bench.world.log());
    assert!(!bench.world.log().contains(&"un-before".to_owned()), "it stops behind the section");
    bench.control.wants(None);
    let ended = bench.run_on();
    is_backed_out(&bench, &ended, "a person asked to stop");
}

#[test]
fn an_unknown_fate_inside_is_asked_about_only_with_writes_flowing() {
    let mut bench = bench();
    bench.world.fault("switch", Fault::Untold(true));
    let Ended::Stuck(question) = bench.run_on() else { panic!() };
    assert!(question.contains("did `switch` happen?"), "{question}");
    assert!(!bench.world.holds.any());
    assert_eq!(bench.journal.state().direction, Direction::Back);
    bench.answer_the_question();
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(*bench.world.far.borrow(), far());
}

#[test]
fn a_process_that_died_inside_leaves_a_section_to_back_out_of() {
    // Wherever the journal breaks off: no process goes on without the block of the one before.
    for lost in 0..40 {
        let mut bench = bench();
        let mut fates = vec![AppendFate::Kept; lost];
        fates.push(AppendFate::KeptAndLost);
        bench.journal.fates.borrow_mut().extend(fates);
        let ended = bench.run_on();
        let past = bench.world.holds.past();
        let protected = past.last().is_some_and(|past| past.lifted == Lifted::Released);
        match ended {
            Ended::Done => assert!(protected, "done without a block after {lost} appends"),
            Ended::RolledBack(why) => {
                assert!(why.contains("not blocked") || why.contains("sql:lifted"), "{why}");
                assert_eq!(*bench.world.far.borrow(), far());
            }
            other @ (Ended::Waiting(_) | Ended::Stuck(_)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_takes_the_run_up_after_the_deadline_backs_out() {
    let stolen_inside = |at| {
        let mut bench = bench();
        bench.journal.fates.borrow_mut().extend(vec![AppendFate::Kept; 40]);
        bench.journal.steal_at.set(Some(at));
        let inside = bench.run().is_err() && bench.journal.state().sections.contains_key("cut");
        inside.then_some(bench)
    };
    let mut bench = (0..40).find_map(stolen_inside).unwrap();
    bench.clock.pass(LONGEST);
    let ended = bench.run_on();
    is_backed_out(&bench, &ended, "over its deadline");
}

#[test]
fn other_peoples_hands_are_shown_behind_the_section_and_stop_only_the_next_step() {
    let image = [set_image("image", "redis", &pinned('b'))];
    let step = Step { undo: Undo::Restore, ..listed("image", &image) };
    let mut bench = Bench::new(&shape_with(|_| {}).step(step, &image), far());
    for _ in 0..50 {
        bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(pending()))));
    }
    let theirs = bench.clock.now().plus(Millis(50));
    bench.world.outside.foreign.borrow_mut().push((theirs, "theirs".to_owned()));
    bench.world.outside.staged.set(Some(theirs));
    let ended = bench.run_on();
    assert!(matches!(ended, Ended::Waiting(Wait::Moved(_))), "{ended:?}");
    let moved =
        |event: &Event| matches!(event, Event::Moved { step, .. } if step.as_str() == "after");
    assert!(bench.journal.events().iter().any(moved));
    assert_eq!(bench.world.holds.past()[0].lifted, Lifted::Released);
    let news = format!("{:?}", bench.reporter.0.borrow());
    for words in ["staged changes: a variable", "deployed service `redis`: theirs"] {
        let words = format!("inside the critical section somebody else {words}");
        assert!(news.contains(&words), "{news}");
    }
}

#[test]
fn a_foreign_claim_stops_nobody_inside() {
    let mut bench = bench();
    let (store, holder, settle) = ("ours".to_owned(), "ada".to_owned(), Millis::seconds(3));
    bench.options.claimant = Some(Claimant { store, holder, settle, over: None });
    for _ in 0..50 {
        bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(pending()))));
    }
    let at = bench.clock.now().plus(Millis(3_050));
    let (run, theirs, holder) =
        ("r-theirs".parse().unwrap(), "theirs".to_owned(), "grace".to_owned());
    let claim = Claim::new(run, theirs, holder, 1, at).to_text().unwrap();
    bench.world.outside.other_claim.replace(Some((at, claim)));
    let ended = bench.run_on();
    assert!(matches!(ended, Ended::Waiting(Wait::Claimed { .. })), "{ended:?}");
    assert_eq!(bench.world.holds.past()[0].lifted, Lifted::Released, "it stops behind the section");
}

#[test]
fn a_watch_that_trips_at_once_inside_turns_the_run_round() {
    let mut shape = shape_with(|_| {});
    shape.watches = vec![Watch {
        id: "rows".to_owned(),
        title: "rows".to_owned(),
        interval: Millis::seconds(1),
        effects: Vec::new(),
        trigger: Trigger::AtOnce,
    }];
    let mut bench = Bench::new(&shape, far());
    bench.options.on_failure = OnFailure::Stop;
    let now = bench.clock.now().0;
    let slow = Pending { after: Millis::seconds(1), ..pending() };
    let phases = [(0, Verdict::Pass), (now + 2_000, Verdict::Fail), (now + 3_000, Verdict::Pass)];
    bench.guest.watch("rows", &phases);
    for _ in 0..10 {
        bench.guest.part("switch").check.push_back(Ok(Ok(Progress::Pending(slow.clone()))));
    }
    let ended = bench.run_on();
    is_backed_out(&bench, &ended, "watch `rows`");
}
