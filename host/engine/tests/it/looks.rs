//! L2: what looks changes nothing, and what performs reads nothing.

use std::collections::VecDeque;

use lockstep_engine::journal::Event;
use lockstep_engine::model::{
    Answer, Call, Drive, Effect, Fact, Failure, Level, Moment, Plan, Read, ServiceRef, Step, Target,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{Ended, News, PlanError, Planner};

use crate::fake::{
    Act, AppendFate, Bench, FakeGuest, FarSide, Shape, all_of_it, block_on, command, label, listed,
    plugin,
};

fn effects() -> [Effect; 1] {
    [command("incr", "INCR", "k")]
}

fn bench(drive: Drive) -> Bench {
    let step = Step { drive, ..listed("count", &effects()) };
    Bench::new(&Shape::default().step(step, &effects()), FarSide::default())
}

fn code(answer: &Answer) -> Option<&str> {
    let (Answer::Read(Err(failure))
    | Answer::Declared(Err(failure))
    | Answer::Performed(Err(failure))
    | Answer::Progressed(Err(failure))) = answer
    else {
        return None;
    };
    matches!(failure, Failure::Denied(_)).then(|| failure.problem().code.as_str())
}

#[test]
fn observe_and_check_neither_perform_nor_declare() {
    let mut bench = bench(Drive::Listed);
    bench.guest.part("count").asks =
        vec![Call::Perform(label("incr"), Vec::new()), Call::Declare(effects()[0].clone())];
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.guest.answers.len(), 4, "both functions asked both");
    assert!(bench.guest.answers.iter().all(|answer| code(answer) == Some("call:not-here")));
    assert_eq!(bench.world.log(), ["incr"], "once, by the host");
}

#[test]
fn apply_neither_reads_nor_declares_nor_asks_for_progress() {
    let mut bench = bench(Drive::Guided);
    bench.guest.part("count").acts = [
        Call::Read(Read::Services),
        Call::DeploymentOf(label("incr")),
        Call::Declare(effects()[0].clone()),
        Call::Progress(label("incr")),
    ]
    .map(Act::Ask)
    .to_vec();
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(bench.guest.answers.len(), 4);
    assert!(bench.guest.answers.iter().all(|answer| code(answer) == Some("call:not-here")));
    assert!(bench.world.reads.borrow().is_empty() && bench.world.sent.borrow().is_empty());
}

fn planned(bench: &Bench, guest: &mut FakeGuest) -> Result<Plan, PlanError> {
    let (grant, plugin) = (all_of_it(), plugin());
    let planner = Planner {
        world: &bench.world,
        reporter: &bench.reporter,
        grant: &grant,
        plugin: &plugin,
        environment: "lab",
        watching: &Watching::default(),
    };
    let target = Target {
        component: "redis".to_owned(),
        environment: "lab".to_owned(),
        desired: None,
        options: Vec::new(),
        now: Moment(1),
        extra: Vec::new(),
    };
    block_on(planner.plan(guest, &target))
}

/// Has a guest plan that says these titles of its step, one after the other.
fn plan_of(titles: &[&str]) -> Result<Plan, PlanError> {
    let shape_of = |title: &&str| {
        let step = Step { title: (*title).to_owned(), ..listed("count", &effects()) };
        let shape = Shape::default().step(step, &effects());
        (shape.draft(), shape.effects)
    };
    let mut guest =
        FakeGuest { plans: titles.iter().map(shape_of).collect(), ..FakeGuest::default() };
    planned(&bench(Drive::Listed), &mut guest)
}

#[test]
fn a_plan_that_differs_from_the_one_before_is_asked_for_once_more() {
    let plan = plan_of(&["before", "after", "after"]).unwrap();
    assert_eq!(plan.authority.steps[0].step.title, "after");
    assert!(plan_of(&["same", "same"]).is_ok());
    let restless = plan_of(&["one", "two", "one"]).unwrap_err();
    assert_eq!(
        restless.to_string(),
        "each of 3 plans came out differently: `/steps/0/step/title` differs"
    );
}

#[test]
fn planning_does_not_perform() {
    let bench = bench(Drive::Listed);
    let shape = Shape::default().step(listed("count", &effects()), &effects());
    let plan = (shape.draft(), shape.effects);
    let mut guest =
        FakeGuest { plans: VecDeque::from([plan.clone(), plan]), ..FakeGuest::default() };
    guest.part("plan").asks = vec![Call::Perform(label("incr"), Vec::new())];
    let plan = planned(&bench, &mut guest).unwrap();
    let denied = plan.evidence.denied.iter().map(|it| (it.call.as_str(), it.problem.code.as_str()));
    assert_eq!(
        denied.collect::<Vec<_>>(),
        [("perform `incr`", "call:not-here")],
        "once, and not hashed"
    );
    assert!(plan.to_json().unwrap().contains("call:not-here"));
    assert!(guest.answers.iter().all(|answer| code(answer) == Some("call:not-here")));
    assert!(bench.world.sent.borrow().is_empty());
}

#[test]
fn a_read_outside_the_grant_is_denied_and_not_read() {
    let mut bench = bench(Drive::Listed);
    let sql = Call::Read(Read::Sql("main".to_owned(), "SELECT 1".to_owned(), Vec::new()));
    let logs = Read::Logs(ServiceRef::Named("redis".to_owned()), Moment(0), String::new(), 1);
    bench.guest.part("count").asks = vec![sql, Call::Read(logs.clone())];
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(code(&bench.guest.answers[0]), Some("grant:missing"));
    assert_eq!(code(&bench.guest.answers[1]), None);
    assert_eq!(*bench.world.reads.borrow(), [logs.clone(), logs]);
}

#[test]
fn a_deployment_is_read_by_the_effect_that_made_it() {
    let mut bench = bench(Drive::Listed);
    bench.guest.part("count").asks = vec![Call::DeploymentOf(label("incr"))];
    assert_eq!(bench.run_on(), Ended::Done);
    let id = Read::Deployment("d-incr-1".to_owned());
    assert_eq!(*bench.world.reads.borrow(), [id], "before the effect there is none to read");
}

#[test]
fn what_a_plugin_says_is_shown_without_control_characters() {
    let mut bench = bench(Drive::Listed);
    bench.guest.part("count").asks = vec![Call::Log(Level::Warn, "a\u{1b}[2Jb".to_owned())];
    assert_eq!(bench.run_on(), Ended::Done);
    let said = News::PluginSays(Level::Warn, "a\\u{1b}[2Jb".to_owned());
    assert!(bench.reporter.0.borrow().contains(&said));
}

#[test]
fn what_a_done_step_wants_looked_after_is_told_at_once() {
    let mut bench = bench(Drive::Listed);
    bench.guest.part("count").found = vec![Fact::text("attention", "pg-2 does not follow")];
    assert_eq!(bench.run_on(), Ended::Done);
    let said = "step `count` is done, but look after this: pg-2 does not follow".to_owned();
    assert!(bench.reporter.0.borrow().contains(&News::Note(said)));
}

/// Returns the calls that are recorded as denied, in order.
fn denials(bench: &Bench) -> Vec<String> {
    let call = |event: Event| {
        let Event::Denied { denial, .. } = event else { return None };
        Some(format!("{} ({})", denial.call, denial.problem.code))
    };
    bench.journal.events().into_iter().filter_map(call).collect()
}

#[test]
fn what_a_plugin_was_denied_and_hides_is_in_the_journal_once_whatever_interrupts_it() {
    let run = |at: Option<usize>| {
        let mut bench = bench(Drive::Guided);
        let asks = vec![Call::Perform(label("incr"), Vec::new())];
        bench.guest.part("count").asks = [asks.clone(), asks].concat();
        bench.guest.part("count").acts =
            vec![Act::Try("ghost"), Act::Try("incr"), Act::Ask(Call::Read(Read::Services))];
        if let Some(at) = at {
            let fates = (0..at).map(|_| AppendFate::Kept).chain([AppendFate::KeptAndLost]);
            bench.journal.fates.borrow_mut().extend(fates);
        }
        assert_eq!(bench.run_on(), Ended::Done);
        bench
    };
    let whole = run(None);
    let told = [
        "perform `incr` (call:not-here)",
        "perform `ghost` (effect:unlisted)",
        "read (call:not-here)",
    ];
    assert_eq!(denials(&whole), told);
    for at in 0..whole.journal.appends.get() {
        let bench = run(Some(at));
        assert_eq!(denials(&bench), told, "interrupted at append {at}");
        assert_eq!(bench.world.log(), ["incr"]);
    }
}

#[test]
fn a_plugin_can_not_fill_the_journal_with_denials() {
    let mut bench = bench(Drive::Guided);
    let path = |number: u32| {
        let statement = format!("{number}{}", "x".repeat(10_000));
        Call::Read(Read::Sql(statement, String::new(), Vec::new()))
    };
    bench.guest.part("count").asks = (0..100).map(path).collect();
    bench.guest.part("count").acts = vec![Act::Perform("incr", Vec::new())];
    assert_eq!(bench.run_on(), Ended::Done);
    assert_eq!(denials(&bench).len(), 20);
    let size = serde_json::to_string(&bench.journal.records()).unwrap().len();
    assert!(size < 250_000, "{size} bytes");
}
