//! What a draft must be before it becomes a plan.

use std::collections::VecDeque;

use lockstep_engine::model::{
    Allowed, ArgumentRule, Drive, Effect, Finding, Gate, Kind, Measured, Millis, Moment,
    ONE_OF_SEVERAL, Outage, OutageKind, Piece, Plan, ServiceRef, Severity, Step, Target, Undo, Way,
};
use lockstep_engine::policy::Watching;
use lockstep_engine::run::{PlanError, Planner};

use crate::fake::{
    Bench, FakeGuest, FakeReporter, FarSide, Shape, all_of_it, block_on, command, deploy, effect,
    label, listed, named, pinned, plugin, set_image, set_variable, step_id, undo_of,
};

fn far() -> FarSide {
    FarSide::with(&[("redis", &[("image", &pinned('a')), ("PORT", "text:1")])])
}

fn incr() -> Effect {
    command("incr", "INCR", "k")
}

fn one_step(change: impl Fn(&mut Step)) -> Shape {
    let mut step = listed("count", &[incr()]);
    change(&mut step);
    Shape::default().step(step, &[incr()])
}

fn outage(service: &str, length: u64) -> Outage {
    Outage { service: service.to_owned(), kind: OutageKind::All, length: Millis(length) }
}

#[track_caller]
fn is_refused(shape: &Shape, words: &str) {
    let error = shape.freeze(&far()).expect_err("must be refused");
    assert!(error.problems.iter().any(|problem| problem.contains(words)), "{error}");
}

#[test]
fn a_whole_draft_is_frozen_without_its_measured_figures() {
    let plan = one_step(|step| step.outage = vec![outage("redis", 7)]).freeze(&far()).unwrap();
    let frozen = plan.authority.step(&step_id("count")).unwrap();
    assert_eq!(frozen.step.expected, Millis(0));
    assert_eq!(frozen.step.outage, [outage("redis", 0)]);
    let measured = Measured { time: Millis::seconds(5), outages: vec![Millis(7)] };
    assert_eq!(plan.evidence.expected[&step_id("count")], measured);
    let text = plan.to_json().unwrap();
    assert_eq!(Plan::from_json(&text).unwrap(), plan);
    let later = text.replacen("\"format\": 1", "\"format\": 9", 1);
    assert!(Plan::from_json(&later).unwrap_err().to_string().contains("format 9"));
    let more = text.replacen("\"format\": 1", "\"format\": 1, \"colour\": 2", 1);
    assert!(Plan::from_json(&more).is_err());
}

#[test]
fn who_stands_in_for_whom_must_make_sense() {
    let shape = |extra: &[(&str, &str)]| {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Shape { extra: extra.iter().map(own).collect(), ..one_step(|_| ()) }
    };
    is_refused(&shape(&[("color", "blue")]), "the plan has an unknown extra `color`");
    is_refused(&shape(&[(ONE_OF_SEVERAL, "redis")]), "one of several, and is the only one");
    is_refused(&shape(&[(ONE_OF_SEVERAL, "redis"); 2]), "said to be one of several twice");
    is_refused(
        &shape(&[(ONE_OF_SEVERAL, "gone")]),
        "`gone` is said to be one of several, and is not in",
    );
}

#[test]
fn what_the_plan_did_not_make_is_deleted_only_after_an_approval() {
    let delete = [effect("delete", Kind::DeleteService { service: named("redis") })];
    let asking = |gates: &[Gate]| {
        Shape::default().step(Step { gates: gates.to_vec(), ..listed("remove", &delete) }, &delete)
    };
    let words = "`delete` deletes service `redis`, which the plan does not make, and step `remove`";
    is_refused(&asking(&[]), words);
    is_refused(&asking(&[Gate::Window]), words);
    asking(&[Gate::Approval("delete it?".to_owned())]).freeze(&far()).unwrap();
}

#[test]
fn steps_that_make_no_sense_are_refused_by_name() {
    is_refused(&one_step(|step| step.rounds = 0), "step `count` has 0 rounds");
    is_refused(&one_step(|step| step.rounds = 1001), "step `count` has 1001 rounds");
    is_refused(&one_step(|step| step.limit = Millis(0)), "step `count` has no limit");
    is_refused(&one_step(|step| step.needs = vec![step_id("later")]), "facts of `later`");
    is_refused(&one_step(|step| step.needs = vec![step_id("count")]), "facts of `count`");
    let extra = |step: &mut Step| step.extra = vec![("colour".to_owned(), "red".to_owned())];
    is_refused(&one_step(extra), "extra `colour`");
    let section = |step: &mut Step| step.extra = vec![("section".to_owned(), "cut".to_owned())];
    is_refused(&one_step(section), "section `cut` has no deadline");
    is_refused(&one_step(|step| step.effects.push(label("ghost"))), "`ghost`, which was never");
    is_refused(&one_step(|step| step.effects.push(label("incr"))), "`incr` is listed twice");
    is_refused(&one_step(|step| step.effects.clear()), "`incr` was declared and no step lists it");
    is_refused(&one_step(|step| step.undo = Undo::Steps(vec![step_id("u")])), "no undo step");
    let reverses = |step: &mut Step| step.reverses = vec![(label("incr"), label("incr"))];
    is_refused(&one_step(reverses), "step `count` is no undo step");
    let twice = one_step(|_| {}).step(listed("count", &[]), &[]);
    is_refused(&twice, "two steps are called `count`");
}

#[test]
fn undo_steps_that_make_no_sense_are_refused_by_name() {
    let reset = command("reset", "RESET", "k");
    let with_undo = |change: &dyn Fn(&mut Step)| {
        let mut undo = undo_of("uncount", std::slice::from_ref(&reset), &["incr"]);
        change(&mut undo);
        one_step(|step| step.undo = Undo::Steps(vec![step_id("uncount")]))
            .undo(undo, std::slice::from_ref(&reset))
    };
    assert!(with_undo(&|_| {}).freeze(&far()).is_ok());
    is_refused(&with_undo(&|undo| undo.gates = vec![Gate::Window]), "`uncount` has a gate");
    is_refused(&with_undo(&|undo| undo.soak = Some(Millis(1))), "`uncount` has a gate, a soak");
    is_refused(&with_undo(&|undo| undo.undo = Undo::Restore), "way back of its own");
    is_refused(&with_undo(&|undo| undo.needs = vec![step_id("x")]), "facts of `x`");
    let foreign = |undo: &mut Step| undo.reverses = vec![(label("incr"), label("incr"))];
    is_refused(&with_undo(&foreign), "by `incr`, which it does not list");
    let nothing = |undo: &mut Step| undo.reverses = vec![(label("reset"), label("reset"))];
    is_refused(&with_undo(&nothing), "reverses `reset`, which no step performs");
    let unnamed = one_step(|_| {}).undo(undo_of("uncount", &[], &[]), &[]);
    is_refused(&unnamed, "no step is undone by undo step `uncount`");
    let named_twice = with_undo(&|_| {})
        .step(Step { undo: Undo::Steps(vec![step_id("uncount")]), ..listed("two", &[]) }, &[]);
    is_refused(&named_twice, "undo step `uncount` is named twice");
}

#[test]
fn parameters_have_one_name_each_and_a_bound() {
    let with = |parameters: &[(&str, &str)]| {
        let mut shape = one_step(|_| {});
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        shape.parameters = parameters.iter().map(own).collect();
        shape
    };
    let plan = with(&[("from", "7.0"), ("to", "7.2")]).freeze(&far()).unwrap();
    assert_eq!(plan.authority.parameters["to"], "7.2");
    is_refused(&with(&[("to", "7.2"), ("to", "8.0")]), "two parameters are called `to`");
    is_refused(&with(&[("to", &"x".repeat(20_000))]), "the parameters have 20002 bytes");
}

#[test]
fn what_was_read_with_a_secret_taken_out_is_not_written_back() {
    let effect = command("incr", "INCR", "pass[secret]");
    let shape = Shape::default()
        .step(listed("count", std::slice::from_ref(&effect)), std::slice::from_ref(&effect));
    is_refused(&shape, "effect `incr` holds `[secret]`");
}

#[test]
fn a_listed_step_can_not_take_arguments() {
    let mut with_rule = incr();
    with_rule.rules = vec![ArgumentRule { name: "key".to_owned(), allowed: Allowed::Any }];
    let step = listed("count", std::slice::from_ref(&with_rule));
    is_refused(
        &Shape::default().step(step.clone(), std::slice::from_ref(&with_rule)),
        "takes arguments",
    );
    let guided = Step { drive: Drive::Guided, ..step };
    assert!(Shape::default().step(guided, &[with_rule]).freeze(&far()).is_ok());
}

#[test]
fn unknown_services_aliases_and_extras_are_refused_by_name() {
    let elsewhere = [deploy("d", "postgres")];
    is_refused(&Shape::default().step(listed("s", &elsewhere), &elsewhere), "service `postgres`");
    let alias = ServiceRef::Made("new".to_owned());
    let stop = [effect("stop", Kind::Stop { service: alias })];
    is_refused(&Shape::default().step(listed("s", &stop), &stop), "alias `new`");
}

#[test]
fn an_effect_comes_after_the_one_that_it_rests_on() {
    let backup = effect("backup", Kind::BackupVolume { service: named("redis") });
    let lock = effect("lock", Kind::LockBackup { backup_of: label("backup") });
    let wrong = [lock.clone(), backup.clone()];
    is_refused(&Shape::default().step(listed("save", &wrong), &wrong), "`lock` rests on `backup`");
    let right = [backup, lock];
    assert!(Shape::default().step(listed("save", &right), &right).freeze(&far()).is_ok());
}

#[test]
fn a_tag_that_can_move_is_neither_set_nor_deployed() {
    let loose = [set_image("image", "redis", "redis:8")];
    is_refused(&Shape::default().step(listed("s", &loose), &loose), "sets image `redis:8`");
    let half = [set_image("image", "redis", "redis:8@sha256:abc")];
    is_refused(&Shape::default().step(listed("s", &half), &half), "names no digest");
    let floating = FarSide::with(&[("redis", &[("image", "redis:8")])]);
    let again = [deploy("deploy", "redis")];
    let shape = Shape::default().step(listed("s", &again), &again);
    let error = shape.freeze(&floating).unwrap_err();
    assert!(error.to_string().contains("a tag can move"), "{error}");
    let both = [set_image("image", "redis", &pinned('b')), deploy("deploy", "redis")];
    let shape = Shape::default().step(listed("s", &both), &both);
    assert!(shape.freeze(&floating).is_ok(), "pinned before it is deployed");
}

#[test]
fn a_way_back_that_would_deploy_a_floating_tag_is_refused() {
    let floating = FarSide::with(&[("redis", &[("image", "redis:8")])]);
    let image = [set_image("image", "redis", &pinned('b'))];
    let go = [deploy("deploy", "redis")];
    let both = [image.clone(), go.clone()].concat();
    let restore = |step: Step| Step { undo: Undo::Restore, ..step };
    let together = Shape::default().step(restore(listed("s", &both)), &both);
    let apart = Shape::default()
        .step(restore(listed("one", &image)), &image)
        .step(restore(listed("two", &go)), &go);
    for shape in [together, apart] {
        let error = shape.freeze(&floating).expect_err("must be refused");
        assert!(error.to_string().contains("`redis` while its image is `redis:8`"), "{error}");
        assert!(shape.freeze(&far()).is_ok());
    }
}

#[test]
fn a_repository_is_not_deployed_from_its_newest_commit() {
    let repository = FarSide::with(&[("redis", &[])]);
    let again = [deploy("deploy", "redis")];
    let error = Shape::default().step(listed("s", &again), &again).freeze(&repository).unwrap_err();
    assert!(error.to_string().contains("newest commit"), "{error}");
}

#[test]
fn later_effects_expect_what_earlier_ones_of_the_plan_leave() {
    let text = |value: &str| Piece::Text(value.to_owned());
    let effects = [
        set_variable("one", "redis", "PORT", text("2")),
        set_variable("two", "redis", "PORT", text("3")),
        set_variable("three", "redis", "PORT", Piece::Secret("key".to_owned())),
        set_variable("four", "redis", "PORT", text("4")),
        set_image("image", "redis", &pinned('b')),
        set_image("image-2", "redis", &pinned('c')),
    ];
    let plan = Shape::default().step(listed("s", &effects), &effects).freeze(&far()).unwrap();
    let expected = |name: &str, value: &str| plan.authority.expected[&label(name)].get(value);
    assert_eq!(expected("one", "PORT"), Some(&Some("text:1".to_owned())));
    assert_eq!(expected("two", "PORT"), Some(&Some("text:2".to_owned())));
    assert_eq!(expected("three", "PORT"), Some(&Some("text:3".to_owned())));
    assert_eq!(expected("four", "PORT"), None, "how a secret stands there is not known before");
    assert_eq!(expected("image", "image"), Some(&Some(pinned('a'))));
    assert_eq!(expected("image-2", "image"), Some(&Some(pinned('b'))));
}

#[test]
fn the_point_of_no_return_is_the_first_step_that_can_not_be_undone() {
    let impossible = Undo::Impossible("rows are rewritten".to_owned());
    let two = command("two", "INCR", "j");
    let shape = one_step(|_| {}).step(
        Step { undo: impossible.clone(), ..listed("rewrite", std::slice::from_ref(&two)) },
        &[two],
    );
    let plan = shape.freeze(&far()).unwrap();
    assert_eq!(plan.authority.point_of_no_return(), Some(1));
    assert_eq!(plan.authority.steps[1].way, Way::Impossible("rows are rewritten".to_owned()));
    assert_eq!(one_step(|_| {}).freeze(&far()).unwrap().authority.point_of_no_return(), None);
}

fn plan_twice(one: &Shape, other: &Shape) -> Result<Plan, PlanError> {
    let bench = Bench::new(&one_step(|_| {}), far());
    let reporter = FakeReporter::default();
    let (grant, plugin) = (all_of_it(), plugin());
    let planner = Planner {
        world: &bench.world,
        reporter: &reporter,
        grant: &grant,
        plugin: &plugin,
        environment: "lab",
        watching: &Watching::default(),
    };
    let mut guest = FakeGuest {
        plans: VecDeque::from([one, other].map(|shape| (shape.draft(), shape.effects.clone()))),
        ..FakeGuest::default()
    };
    let target = Target {
        component: "redis".to_owned(),
        environment: "lab".to_owned(),
        desired: None,
        options: Vec::new(),
        now: Moment(1),
        extra: Vec::new(),
    };
    let answer = block_on(planner.plan(&mut guest, &target));
    assert!(bench.world.sent.borrow().is_empty(), "planning sends nothing (L2)");
    answer
}

#[test]
fn measured_figures_make_no_other_plan() {
    let one = one_step(|_| {});
    assert!(plan_twice(&one, &one).is_ok());
    let measured = one_step(|step| step.expected = Millis(99));
    assert!(plan_twice(&one, &measured).is_ok(), "measured figures are evidence");
}

#[test]
fn an_effect_declared_twice_or_with_too_long_a_label_is_refused() {
    let twice = Shape { effects: vec![incr(), incr()], ..one_step(|_| {}) };
    let error = plan_twice(&twice, &twice).unwrap_err();
    assert!(error.to_string().contains("`incr` is declared twice"), "{error}");
    let long = "x".repeat(49);
    let effects = [command(&long, "INCR", "k")];
    let shape = Shape::default().step(listed("s", &effects), &effects);
    let error = plan_twice(&shape, &shape).unwrap_err();
    assert!(error.to_string().contains("longer than 48"), "{error}");
}

#[test]
fn an_outage_is_of_a_service_that_exists_and_named_once() {
    let shape = one_step(|step| step.outage = vec![outage("gone", 7)]);
    is_refused(&shape, "outage of service `gone`, which is not in the environment");
    let shape = one_step(|step| step.outage = vec![outage("redis", 7), outage("redis", 8)]);
    is_refused(&shape, "names the same outage of `redis` twice");
}

#[test]
fn what_is_down_and_what_is_left_is_approved_and_how_long_is_not() {
    let digest = |shape: Shape| shape.freeze(&far()).unwrap().authority.digest().unwrap();
    let down = |length| move |step: &mut Step| step.outage = vec![outage("redis", length)];
    assert_eq!(digest(one_step(down(7))), digest(one_step(down(8))));
    assert_ne!(digest(one_step(down(7))), digest(one_step(|_| {})));
    let left = |words: &'static str| move |step: &mut Step| step.if_left = Some(words.to_owned());
    assert_ne!(digest(one_step(left("all is well"))), digest(one_step(left("all is down"))));
}

#[test]
fn a_finding_is_mended_by_a_step_of_the_plan() {
    let mended_by = |step: &str| {
        let finding = Finding {
            id: "policy".to_owned(),
            severity: Severity::Warning,
            title: "the policy is wrong".to_owned(),
            evidence: Vec::new(),
            remedy: None,
            source: None,
            mended_by: vec![step_id(step)],
        };
        Shape { findings: vec![finding], ..one_step(|_| {}) }
    };
    assert!(mended_by("count").freeze(&far()).is_ok());
    is_refused(&mended_by("gone"), "finding `policy` is mended by `gone`, which is no step");
}
