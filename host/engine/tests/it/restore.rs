//! The way back that the host derives: frozen right, and right at the far side.

use lockstep_engine::model::{
    Assignment, DeploySource, Effect, Failure, Kind, Piece, Recipe, ServiceRef, Step, Undo, Way,
};
use lockstep_engine::run::Ended;

use crate::fake::{
    Bench, FarSide, Fault, Shape, command, deploy, effect, label, listed, named, pinned, set_image,
    set_variable, step_id, undo_of,
};

fn far() -> FarSide {
    FarSide::with(&[
        (
            "redis",
            &[
                ("image", &pinned('a')),
                ("PORT", "text:1"),
                ("PASSWORD", "print:abc"),
                ("SEALED", "unreadable"),
                ("replicas", "1"),
            ],
        ),
        ("web", &[("image", &pinned('c'))]),
    ])
}

fn restore(id: &str, effects: &[Effect]) -> Step {
    Step { undo: Undo::Restore, ..listed(id, effects) }
}

fn text(value: &str) -> Piece {
    Piece::Text(value.to_owned())
}

fn stop(name: &str, service: &str) -> Effect {
    effect(name, Kind::Stop { service: named(service) })
}

/// Runs `shape` with a step `boom` after it that fails, and returns the bench after the rollback.
#[track_caller]
fn there_and_back(shape: Shape) -> Bench {
    let boom = [command("boom", "INCR", "boom")];
    let mut bench = Bench::new(&shape.step(listed("boom", &boom), &boom), far());
    bench.world.fault("boom", Fault::Refused(Failure::permanent("x:no", "no")));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    bench
}

/// Returns the kinds of the undo step derived for a step of `effects`.
fn derived(effects: &[Effect]) -> Result<Vec<Kind>, String> {
    let shape = Shape::default().step(restore("s", effects), effects);
    let plan = shape.freeze(&far()).map_err(|error| error.to_string())?;
    let authority = &plan.authority;
    match &authority.steps[0].way {
        Way::Nothing => Ok(Vec::new()),
        Way::Steps(ids) => {
            assert_eq!(ids, &[step_id("undo-s")]);
            let undo = authority.undo_step(&ids[0]).unwrap();
            assert!(undo.derived);
            Ok(undo.step.effects.iter().map(|it| authority.effects[it].kind.clone()).collect())
        }
        Way::Impossible(why) => Err(why.clone()),
    }
}

#[test]
fn values_are_put_back_last_first_and_deployed_once_at_the_end() {
    let effects = [
        set_image("image", "redis", &pinned('b')),
        set_variable("port", "redis", "PORT", text("2")),
        effect(
            "settings",
            Kind::SetSettings {
                service: named("redis"),
                settings: vec![
                    ("replicas".to_owned(), "3".to_owned()),
                    ("region".to_owned(), "x".to_owned()),
                ],
            },
        ),
        stop("stop", "redis"),
        deploy("deploy", "redis"),
    ];
    let redis = || named("redis");
    let assignments = vec![Assignment { name: "PORT".to_owned(), value: vec![text("1")] }];
    let settings =
        vec![("replicas".to_owned(), "1".to_owned()), ("region".to_owned(), String::new())];
    assert_eq!(
        derived(&effects).unwrap(),
        [
            Kind::SetSettings { service: redis(), settings },
            Kind::SetVariables { service: redis(), assignments },
            Kind::SetImage { service: redis(), image: pinned('a') },
            Kind::Deploy { service: redis(), source: DeploySource::Configured },
        ]
    );
}

#[test]
fn shown_masked_and_absent_variables_are_each_put_back_in_their_way() {
    let assignments = ["PORT", "PASSWORD", "NEW"]
        .map(|name| Assignment { name: name.to_owned(), value: vec![text("x")] })
        .to_vec();
    let effects = [effect("set", Kind::SetVariables { service: named("redis"), assignments })];
    let (service, names) = (named("redis"), |name: &str| vec![name.to_owned()]);
    let assignments = vec![Assignment { name: "PORT".to_owned(), value: vec![text("1")] }];
    assert_eq!(
        derived(&effects).unwrap(),
        [
            Kind::SetVariables { service: service.clone(), assignments },
            Kind::RestoreVariables { service: service.clone(), names: names("PASSWORD") },
            Kind::DeleteVariables { service, names: names("NEW") },
        ]
    );
    let bench = there_and_back(Shape::default().step(restore("s", &effects), &effects));
    assert_eq!(bench.world.far.borrow().seen(), far());
}

#[test]
fn what_can_not_be_put_back_is_refused_by_name() {
    let sealed = [set_variable("set", "redis", "SEALED", text("x"))];
    assert!(derived(&sealed).unwrap_err().contains("sealed variable `SEALED`"));
    let incr = [command("incr", "INCR", "k")];
    assert!(derived(&incr).unwrap_err().contains("`incr` changes a Redis server"));
    let delete = [effect("delete", Kind::DeleteService { service: named("web") })];
    assert!(derived(&delete).unwrap_err().contains("`delete` deletes something"));
    let secret = [
        set_variable("one", "redis", "PORT", Piece::Secret("key".to_owned())),
        set_variable("two", "redis", "PORT", text("2")),
    ];
    assert!(derived(&secret).unwrap_err().contains("`two` changes `PORT`, whose value"));
}

#[test]
fn a_backup_is_kept_and_needs_no_way_back() {
    let effects = [effect("backup", Kind::BackupVolume { service: named("redis") })];
    assert_eq!(derived(&effects).unwrap(), []);
}

#[test]
fn a_generated_variable_goes_only_if_it_was_absent_before() {
    let generate = |name: &str| {
        let kind = Kind::GenerateVariable {
            service: named("redis"),
            name: name.to_owned(),
            recipe: Recipe::Hex(32),
        };
        [effect("generate", kind)]
    };
    assert_eq!(derived(&generate("PASSWORD")).unwrap(), []);
    let names = vec!["NEW".to_owned()];
    assert_eq!(
        derived(&generate("NEW")).unwrap(),
        [Kind::DeleteVariables { service: named("redis"), names }]
    );
    for name in ["PASSWORD", "NEW"] {
        let effects = generate(name);
        let bench = there_and_back(Shape::default().step(restore("s", &effects), &effects));
        assert_eq!(bench.world.far.borrow().seen(), far(), "{name}");
    }
}

#[test]
fn a_derived_label_never_takes_the_place_of_a_declared_one() {
    let effects = [set_image("image", "redis", &pinned('b'))];
    let taken = [command("undo-image-0", "INCR", "k")];
    let shape =
        Shape::default().step(restore("s", &effects), &effects).step(listed("t", &taken), &taken);
    let error = shape.freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("label `undo-image-0`"), "{error}");
    let undo = command("x", "RESET", "k");
    let one = std::slice::from_ref(&undo);
    let incr = [command("incr", "INCR", "k")];
    let shape = Shape::default()
        .step(restore("s", &effects), &effects)
        .step(Step { undo: Undo::Steps(vec![step_id("undo-s")]), ..listed("t", &incr) }, &incr)
        .undo(undo_of("undo-s", one, &["incr"]), one);
    let error = shape.freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("step id `undo-s`"), "{error}");
}

#[test]
fn a_service_that_was_stopped_and_never_deployed_runs_again_after_the_way_back() {
    let effects = [
        stop("stop", "redis"),
        set_image("image", "redis", &pinned('b')),
        deploy("deploy", "redis"),
    ];
    let mut bench = Bench::new(&Shape::default().step(restore("s", &effects), &effects), far());
    bench.world.fault("image", Fault::Refused(Failure::permanent("x:no", "no")));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["stop", "undo-deploy-1"]);
    assert_eq!(bench.world.far.borrow().seen(), far());
}

#[test]
fn values_set_in_one_step_and_deployed_in_another_run_as_before_after_the_way_back() {
    let image = [set_image("image", "redis", &pinned('b'))];
    let port = [set_variable("port", "redis", "PORT", text("2"))];
    let go = [deploy("deploy", "redis")];
    let shape = Shape::default()
        .step(restore("one", &image), &image)
        .step(restore("two", &port), &port)
        .step(restore("three", &go), &go);
    let bench = there_and_back(shape);
    assert_eq!(bench.world.far.borrow().seen(), far());
    let log = bench.world.log();
    let (_, back) = log.split_at(3);
    assert_eq!(back, ["undo-port-0", "undo-image-0", "undo-image-1"], "deployed once, at the end");
}

#[test]
fn each_deployment_is_taken_back_from_the_values_before_it() {
    let one = [set_image("image", "redis", &pinned('b')), deploy("deploy", "redis")];
    let two = [set_variable("port", "redis", "PORT", text("2"))];
    let three = [deploy("again", "redis")];
    let shape = Shape::default()
        .step(restore("one", &one), &one)
        .step(restore("two", &two), &two)
        .step(restore("three", &three), &three);
    let bench = there_and_back(shape);
    assert_eq!(bench.world.far.borrow().seen(), far());
    let log = bench.world.log();
    assert_eq!(log[4..], ["undo-port-0", "undo-port-1", "undo-image-0", "undo-deploy-1"]);
}

#[test]
fn what_was_deployed_as_it_ran_is_deployed_so_on_the_way_back() {
    let same = |name: &str| {
        let source = DeploySource::SameImage;
        effect(name, Kind::Deploy { service: named("redis"), source })
    };
    let port = || set_variable("port", "redis", "PORT", text("2"));
    let last = |effects: &[Effect]| derived(effects).unwrap().pop().unwrap();
    let deployed = |source| Kind::Deploy { service: named("redis"), source };
    assert_eq!(last(&[port(), same("deploy")]), deployed(DeploySource::SameImage));
    let mixed = [port(), same("deploy"), deploy("again", "redis")];
    assert_eq!(last(&mixed), deployed(DeploySource::Configured));
}

#[test]
fn what_was_never_deployed_is_put_back_without_a_deployment() {
    let image = [set_image("image", "redis", &pinned('b'))];
    let go = [deploy("deploy", "redis")];
    let shape =
        Shape::default().step(restore("one", &image), &image).step(restore("two", &go), &go);
    let mut bench = Bench::new(&shape, far());
    bench.world.fault("deploy", Fault::Refused(Failure::permanent("x:no", "no")));
    assert!(matches!(bench.run_on(), Ended::RolledBack(_)));
    assert_eq!(bench.world.log(), ["image", "undo-image-0"]);
}

#[test]
fn a_service_that_the_plan_makes_is_deleted_and_not_deployed_on_the_way_back() {
    let made = || ServiceRef::Made("cache".to_owned());
    let create = [effect(
        "create",
        Kind::CreateService {
            alias: "cache".to_owned(),
            name: "cache".to_owned(),
            image: pinned('d'),
            assignments: Vec::new(),
        },
    )];
    let go = [effect("go", Kind::Deploy { service: made(), source: DeploySource::Configured })];
    let shape =
        Shape::default().step(restore("one", &create), &create).step(restore("two", &go), &go);
    let bench = there_and_back(shape);
    assert_eq!(bench.world.log(), ["create", "go", "undo-create-0"]);
    assert_eq!(bench.world.far.borrow().seen(), far());
}

#[test]
fn a_service_that_is_built_is_deployed_at_a_commit_alone_and_deleted_on_the_way_back() {
    let made = || ServiceRef::Made("job".to_owned());
    let create = [effect(
        "create",
        Kind::CreateBuiltService {
            alias: "job".to_owned(),
            name: "job".to_owned(),
            repository: "owner/job".to_owned(),
            assignments: Vec::new(),
        },
    )];
    let shape = |source| {
        let go = [effect("go", Kind::Deploy { service: made(), source })];
        Shape::default().step(restore("one", &create), &create).step(restore("two", &go), &go)
    };
    let error = shape(DeploySource::Configured).freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("its repository's newest commit"), "{error}");
    let bench = there_and_back(shape(DeploySource::Commit("0123456789".to_owned())));
    assert_eq!(bench.world.log(), ["create", "go", "undo-create-0"]);
    assert_eq!(bench.world.far.borrow().seen(), far());
}

#[test]
fn the_way_back_asks_no_plugin() {
    let effects = [set_image("image", "redis", &pinned('b')), deploy("deploy", "redis")];
    let bench = there_and_back(Shape::default().step(restore("s", &effects), &effects));
    assert_eq!(bench.guest.count("observe", "undo-s") + bench.guest.count("check", "undo-s"), 0);
    assert!(bench.journal.state().began(&label("undo-image-0")));
}
