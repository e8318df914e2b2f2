//! Watches: what turns a run round, what does not, and what a person must judge.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{
    Effect, Failure, Millis, Moment, ONE_OF_SEVERAL, Step, Trigger, Undo, Verdict, Watch,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Clock as _, Ended, News, OnFailure, Wait};

use crate::fake::{Bench, FarSide, Shape, command, deploy, listed, pinned, step_id, undo_of};

const MINUTE: u64 = 60_000;

/// When every bench begins.
const START: u64 = 1_000_000;

fn minutes(minutes: u64) -> Moment {
    Moment(START + minutes * MINUTE)
}

fn one() -> [Effect; 1] {
    [command("one", "INCR", "one")]
}

fn probe(id: &str, trigger: Trigger) -> Watch {
    Watch {
        id: id.to_owned(),
        title: id.to_owned(),
        interval: Millis::seconds(15),
        effects: Vec::new(),
        trigger,
    }
}

/// A run of one step, which is watched for two days.
fn soaking(watches: Vec<Watch>, traffic: &[&str]) -> Bench {
    shaped(watches, traffic, |step| step)
}

fn shaped(watches: Vec<Watch>, traffic: &[&str], change: impl Fn(Step) -> Step) -> Bench {
    let back = [command("one-back", "RESET", "one")];
    let soak = Some(Millis::seconds(48 * 3600));
    let undo = Undo::Steps(vec![step_id("back")]);
    let step = change(Step { undo, soak, ..listed("first", &one()) });
    let traffic = traffic.iter().map(|name| (*name).to_owned()).collect();
    let shape = Shape { watches, watching: watching(traffic), ..Shape::default() }
        .step(step, &one())
        .undo(undo_of("back", &back, &["one"]), &back);
    Bench::new(&shape, FarSide::with(&[("litellm", &[])]))
}

fn watching(traffic: Vec<String>) -> Watching {
    Watching { traffic: Some(traffic), ..Watching::default() }
}

fn turned_back(ended: &Ended) -> &str {
    let Ended::RolledBack(why) = ended else { panic!("{ended:?}") };
    why
}

fn verdicts(bench: &Bench, name: &str) -> Vec<Verdict> {
    let of_it = |event| {
        let Event::Watched { watch, verdict, .. } = event else { return None };
        (watch == name).then_some(verdict)
    };
    bench.journal.events().into_iter().filter_map(of_it).collect()
}

#[test]
fn what_is_unhealthy_for_five_minutes_is_taken_back() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    bench.guest.watch("serving", &[(START, Verdict::Pass), (START + 60 * MINUTE, Verdict::Fail)]);
    bench.guest.watch_again("serving", START + 66 * MINUTE, Verdict::Pass);
    let ended = bench.run_on();
    assert!(turned_back(&ended).contains("watch `serving`: failing for 300 s"), "{ended:?}");
    assert_eq!(bench.world.log(), ["one", "one-back"]);
    let triggered =
        |event: &Event| matches!(event, Event::Triggered { watch, .. } if watch == "serving");
    assert_eq!(bench.journal.events().iter().filter(|event| triggered(event)).count(), 1);
    assert_eq!(
        verdicts(&bench, "serving"),
        [Verdict::Pass, Verdict::Fail, Verdict::Pass],
        "changes only"
    );
}

#[test]
fn what_recovers_in_time_is_not_taken_back() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    let hour = START + 60 * MINUTE;
    bench.guest.watch(
        "serving",
        &[
            (START, Verdict::Pass),
            (hour, Verdict::Fail),
            (hour + 4 * MINUTE, Verdict::Unknown),
            (hour + 4 * MINUTE + 30_000, Verdict::Pass),
        ],
    );
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn data_that_is_gone_is_taken_back_at_once_and_not_knowing_only_after_ten_minutes() {
    for (verdict, minutes_later) in [(Verdict::Fail, 0), (Verdict::Unknown, 10)] {
        let mut bench = soaking(vec![probe("canary", Trigger::AtOnce)], &[]);
        let hour = START + 60 * MINUTE;
        bench.guest.watch("canary", &[(START, Verdict::Pass), (hour, verdict)]);
        bench.guest.watch_again("canary", hour + (minutes_later + 1) * MINUTE, Verdict::Pass);
        let ended = bench.run_on();
        assert!(turned_back(&ended).contains("watch `canary`"), "{ended:?}");
        let at = bench.journal.at(|event| matches!(event, Event::Triggered { .. }));
        let late = at.0 - (hour + minutes_later * MINUTE);
        assert!(late <= 15_000, "{late} ms after it was due");
    }
}

#[test]
fn what_failed_before_the_run_is_not_its_doing() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    bench.guest.watch("serving", &[(START, Verdict::Fail)]);
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(verdicts(&bench, "serving"), [Verdict::Fail]);
}

#[test]
fn a_stack_that_failed_six_percent_before_stays_where_it_is() {
    let mut bench = soaking(Vec::new(), &["litellm"]);
    bench.world.outside.rate(Moment(0), 10, 6);
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn six_percent_after_none_are_taken_back() {
    let mut bench = soaking(Vec::new(), &["litellm"]);
    bench.world.outside.rate(Moment(0), 10, 0);
    bench.world.outside.rate(minutes(60), 10, 12);
    let ended = bench.run_on();
    assert!(turned_back(&ended).contains("watch `traffic:litellm`"), "{ended:?}");
    let at = bench.journal.at(|event| matches!(event, Event::Triggered { .. }));
    let after = at.since(minutes(60)).0 / MINUTE;
    assert!((4..=6).contains(&after), "12 % for about half of the window are 6 % of it: {after}");
}

#[test]
fn three_requests_say_nothing() {
    let mut bench = soaking(Vec::new(), &["litellm"]);
    bench.world.outside.rate(Moment(0), 1, 0);
    bench.world.outside.rate(Moment(1_000), 0, 0);
    bench.world.outside.rate(minutes(60), 3, 34);
    bench.world.outside.rate(minutes(60).plus(Millis::seconds(1)), 0, 0);
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn traffic_that_falls_silent_is_not_known_to_be_good() {
    let mut bench = soaking(Vec::new(), &["litellm"]);
    bench.world.outside.rate(Moment(0), 10, 0);
    bench.world.outside.rate(minutes(60), 0, 0);
    let ended = bench.run_on();
    let why = turned_back(&ended);
    assert!(why.contains("nothing could be found out for 600 s: no requests at all"), "{why}");
}

/// Of the errors of the old guide, the one whose triggers say "above 5 %" and "after 5 minutes" and nothing else.
#[test]
fn error_21_a_trigger_has_a_sample_a_baseline_a_window_and_a_rule_for_what_is_missing() {
    let judged = |before: (u64, u64), later: (u64, u64)| {
        let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &["litellm"]);
        bench.guest.watch("serving", &[(START, Verdict::Pass)]);
        bench.world.outside.rate(Moment(0), before.0, before.1);
        bench.world.outside.rate(minutes(60), later.0, later.1);
        // One second of it, where there is hardly any traffic.
        if later.0 == 3 {
            bench.world.outside.rate(minutes(60).plus(Millis::seconds(1)), 0, 0);
        }
        bench.run_on()
    };
    assert_eq!(judged((0, 0), (3, 34)), Ended::Done, "three requests are no sample");
    assert_eq!(judged((10, 6), (10, 6)), Ended::Done, "it failed as much before");
    let more = judged((10, 0), (10, 12));
    assert!(turned_back(&more).contains("watch `traffic:litellm`"), "{more:?}");
    let silent = judged((10, 0), (0, 0));
    assert!(turned_back(&silent).contains("nothing could be found out for 600 s"), "{silent:?}");
}

#[test]
fn a_busy_service_is_judged_by_a_part_of_its_requests() {
    let mut bench = soaking(Vec::new(), &["litellm"]);
    bench.world.outside.most.set(Some(5_000));
    bench.world.outside.rate(Moment(0), 1_000, 1);
    bench.world.outside.rate(minutes(60), 1_000, 50);
    assert!(turned_back(&bench.run_on()).contains("traffic:litellm"));
}

#[test]
fn a_trip_where_going_back_loses_something_asks_a_person() {
    let lossy = |step| Step { loss: Some("writes since the switch".to_owned()), ..step };
    let mut bench = shaped(vec![probe("canary", Trigger::AtOnce)], &[], lossy);
    bench.guest.watch("canary", &[(START, Verdict::Pass), (START + 60 * MINUTE, Verdict::Fail)]);
    let Ended::Stuck(question) = bench.run_on() else { panic!("it decided by itself") };
    assert!(question.contains("writes since the switch"), "{question}");
    assert_eq!(bench.world.log(), ["one"]);
}

#[test]
fn a_trip_behind_the_point_of_no_return_or_where_the_operator_said_stop_asks_a_person() {
    let impossible = |step| Step { undo: Undo::Impossible("it is gone".to_owned()), ..step };
    for stop in [false, true] {
        let watches = vec![probe("canary", Trigger::AtOnce)];
        let mut bench =
            if stop { soaking(watches, &[]) } else { irreversible(watches, impossible) };
        if stop {
            bench.options.on_failure = OnFailure::Stop;
        }
        bench.guest.watch("canary", &[(START, Verdict::Pass), (START + MINUTE, Verdict::Fail)]);
        let ended = bench.run_on();
        assert!(matches!(ended, Ended::Stuck(_)), "{ended:?}");
        assert_eq!(bench.world.log(), ["one"]);
    }
}

fn irreversible(watches: Vec<Watch>, change: impl Fn(Step) -> Step) -> Bench {
    let soak = Some(Millis::seconds(48 * 3600));
    let step = change(Step { soak, ..listed("first", &one()) });
    let shape = Shape { watches, watching: watching(Vec::new()), ..Shape::default() };
    Bench::new(&shape.step(step, &one()), FarSide::default())
}

#[test]
fn a_way_back_ends_only_when_what_held_before_holds_again() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    let hour = START + 60 * MINUTE;
    bench.guest.watch("serving", &[(START, Verdict::Pass), (hour, Verdict::Fail)]);
    let Ended::Stuck(question) = bench.run_on() else { panic!("it never passed again") };
    assert!(question.contains("watch `serving` does not pass"), "{question}");
    assert_eq!(bench.world.log(), ["one", "one-back"]);
    let now = bench.clock.now().0;
    bench.guest.watch_again("serving", now, Verdict::Pass);
    bench.answer_the_question();
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
}

#[test]
fn time_that_nobody_saw_is_neither_good_nor_bad() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    bench.guest.watch("serving", &[(START, Verdict::Pass)]);
    bench.options.detach = true;
    let Ended::Waiting(Wait::Soak { until, .. }) = bench.run_on() else { panic!("it waited") };
    bench.clock.pass(until.since(bench.clock.now()));
    let resumed = bench.clock.now();
    assert_eq!(bench.run_on(), Ended::Done);
    let seen = bench.clock.now().since(resumed).0 / MINUTE;
    assert_eq!(seen, 5, "a whole window had to pass first");
}

#[test]
fn a_process_that_comes_back_to_a_failing_stack_takes_it_back() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    bench.guest.watch("serving", &[(START, Verdict::Pass), (minutes(30).0, Verdict::Fail)]);
    bench.options.detach = true;
    let Ended::Waiting(Wait::Soak { until, .. }) = bench.run_on() else { panic!("it waited") };
    bench.clock.pass(until.since(bench.clock.now()));
    bench.options.detach = false;
    let back = bench.clock.now().0 + 8 * MINUTE;
    bench.guest.watch_again("serving", back, Verdict::Pass);
    assert!(turned_back(&bench.run_on()).contains("failing for 300 s"));
}

#[test]
fn a_run_does_not_begin_where_no_error_rate_could_be_judged() {
    let mut bench = soaking(Vec::new(), &["litellm"]);
    bench.world.outside.most.set(Some(0));
    bench.world.outside.rate(Moment(0), 10, 0);
    let ended = bench.run_on();
    assert!(turned_back(&ended).contains("can't be counted"), "{ended:?}");
    assert!(bench.world.log().is_empty());
}

#[test]
fn a_plugin_that_can_not_probe_is_not_known_to_be_good() {
    let mut bench = soaking(vec![probe("serving", Trigger::Unhealthy)], &[]);
    bench.guest.watch("serving", &[(START, Verdict::Pass)]);
    bench.guest.watch_fails("serving", START + 60 * MINUTE, Failure::transient("x:y", "no"));
    bench.guest.watch_again("serving", START + 72 * MINUTE, Verdict::Pass);
    let ended = bench.run_on();
    assert!(turned_back(&ended).contains("nothing could be found out for 600 s"), "{ended:?}");
}

#[test]
fn a_crash_is_seen_by_the_host_itself() {
    let effects = [deploy("deploy", "litellm")];
    let soak = Some(Millis::seconds(3600));
    let step = Step { undo: Undo::Restore, soak, ..listed("first", &effects) };
    let shape = Shape { watching: watching(Vec::new()), ..Shape::default() };
    let image = pinned('a');
    let far = FarSide::with(&[("litellm", &[("image", &image)])]);
    let mut bench = Bench::new(&shape.step(step, &effects), far);
    bench.world.outside.crashed.set(Some(minutes(20)));
    let ended = bench.run();
    assert!(matches!(&ended, Ok(Ended::Stuck(_))), "{ended:?}");
    let why = bench.journal.state().turned_back.unwrap();
    assert!(why.contains("watch `running:litellm`: failing for 300 s: it crashed"), "{why}");
}

/// A run that deploys three services which stand in for each other, and is watched for two days.
fn of_three_nodes() -> Bench {
    const NODES: [&str; 3] = ["pg-0", "pg-1", "pg-2"];
    let deploys = NODES.map(|node| deploy(&format!("deploy-{node}"), node));
    let soak = Some(Millis::seconds(48 * 3600));
    let step = Step { undo: Undo::Restore, soak, ..listed("first", &deploys) };
    let extra = NODES.map(|node| (ONE_OF_SEVERAL.to_owned(), node.to_owned())).to_vec();
    let shape = Shape { watching: watching(Vec::new()), extra, ..Shape::default() };
    let image = pinned('a');
    let far = NODES.map(|node| (node, [("image", image.as_str())]));
    let far: Vec<(&str, &[_])> = far.iter().map(|(node, known)| (*node, &known[..])).collect();
    Bench::new(&shape.step(step, &deploys), FarSide::with(&far))
}

impl Bench {
    fn lose(&self, node: &str, from: Moment) {
        self.world.outside.down.borrow_mut().push((from, node.to_owned()));
    }
}

#[test]
fn a_node_that_others_stand_in_for_is_told_and_the_run_goes_on_to_its_end() {
    let mut bench = of_three_nodes();
    bench.lose("pg-0", minutes(20));
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(verdicts(&bench, "running:pg-0"), [Verdict::Pass, Verdict::Fail]);
    assert_eq!(verdicts(&bench, "running:most-of:pg-0,pg-1,pg-2"), [Verdict::Pass]);
    let told = "watch `running:pg-0` still fails, and is for a person to judge: it crashed";
    let told = News::Note(told.to_owned());
    assert!(bench.reporter.0.borrow().contains(&told));
}

#[test]
fn most_of_the_nodes_lost_turn_the_run_round() {
    let mut bench = of_three_nodes();
    bench.lose("pg-0", minutes(20));
    bench.lose("pg-2", minutes(60));
    let ended = bench.run();
    assert!(matches!(&ended, Ok(Ended::Stuck(_))), "{ended:?}");
    let why = bench.journal.state().turned_back.unwrap();
    let most = "watch `running:most-of:pg-0,pg-1,pg-2`: failing for 300 s: 2 of 3 don't";
    assert!(why.contains(most), "{why}");
}
