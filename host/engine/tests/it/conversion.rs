//! A service that becomes the root of a cluster: what of it a plan may deploy, and what it will find.

use lockstep_engine::model::{
    DeploySource, Effect, Kind, MovedVariable, ServiceRef, Template, TemplateService, Undo,
};

use crate::fake::{FarSide, Shape, deploy, effect, label, listed, named, pinned};

const AFTER: &str = "${{front.URL}}";

fn far() -> FarSide {
    FarSide::with(&[
        ("redis", &[("image", "redis:8")]),
        ("app", &[("image", &pinned('a')), ("URL", "text:${{redis.URL}}")]),
    ])
}

fn service(name: &str, role: &str, image: &str) -> TemplateService {
    TemplateService {
        name: name.to_owned(),
        role: Some(role.to_owned()),
        image: Some(image.to_owned()),
        mount: None,
        replicas: 1,
        variables: Vec::new(),
        extra: Vec::new(),
    }
}

/// Stages a cluster of a root and a front, and commits it.
fn converting() -> [Effect; 2] {
    let wanted = Template {
        code: "ha".to_owned(),
        digest: pinned('d'),
        services: vec![
            service("Redis-1", "root", "redis-node:8"),
            service("front", "edge", "haproxy:3"),
        ],
        extra: Vec::new(),
    };
    let moved = MovedVariable {
        service: "app".to_owned(),
        name: "URL".to_owned(),
        before: "${{redis.URL}}".to_owned(),
        after: AFTER.to_owned(),
        extra: Vec::new(),
    };
    let stage = Kind::StageConversion { root: named("redis"), wanted, moved: vec![moved] };
    let commit = Kind::CommitStaged { staged_by: label("convert") };
    [effect("convert", stage), effect("commit", commit)]
}

fn shape(more: &[Effect]) -> Shape {
    let all = [converting().as_slice(), more].concat();
    Shape::default().step(listed("convert", &all), &all)
}

fn start(name: &str, service: &str) -> Effect {
    let service = ServiceRef::Made(service.to_owned());
    effect(name, Kind::Deploy { service, source: DeploySource::Configured })
}

fn image(name: &str, service: ServiceRef, digit: char) -> Effect {
    effect(name, Kind::SetImage { service, image: pinned(digit) })
}

#[track_caller]
fn is_refused(more: &[Effect], words: &str) {
    let error = shape(more).freeze(&far()).expect_err("must be refused");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_a_conversion_brings_is_deployed_only_once_it_is_pinned() {
    assert!(shape(&[]).freeze(&far()).is_ok());
    is_refused(&[deploy("root", "redis")], "its image is `redis-node:8`");
    is_refused(&[start("start", "front")], "its image is `haproxy:3`");
    is_refused(&[start("start", "back")], "alias `back`, which no effect makes");
    let front = || ServiceRef::Made("front".to_owned());
    let both = [
        image("image-root", named("redis"), 'b'),
        deploy("root", "redis"),
        image("image-front", front(), 'c'),
        start("start", "front"),
    ];
    let plan = shape(&both).freeze(&far()).unwrap();
    let expected = |label_of: &str, name: &str| {
        plan.authority.expected.get(&label(label_of)).and_then(|it| it.get(name)).cloned().flatten()
    };
    assert_eq!(expected("image-root", "image").as_deref(), Some("redis-node:8"));
    assert_eq!(expected("root", "image"), Some(pinned('b')));
    assert_eq!(expected("start", "image"), Some(pinned('c')));
}

#[test]
fn a_variable_that_has_moved_is_expected_where_it_has_moved_to() {
    let delete = Kind::DeleteVariables { service: named("app"), names: vec!["URL".to_owned()] };
    let plan = shape(&[effect("delete", delete)]).freeze(&far()).unwrap();
    let found = plan.authority.expected[&label("delete")]["URL"].clone();
    assert_eq!(found, Some(format!("text:{AFTER}")));
}

#[test]
fn the_host_can_not_derive_the_way_back_of_a_conversion_and_a_revert_rests_on_it() {
    let mut asked = shape(&[]);
    asked.steps[0].undo = Undo::Restore;
    let error = asked.freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("can't ask for `restore`"), "{error}");
    let early = effect("revert", Kind::StageRevert { converted_by: label("convert") });
    let all = [std::slice::from_ref(&early), converting().as_slice()].concat();
    let early = Shape::default().step(listed("convert", &all), &all);
    let error = early.freeze(&far()).unwrap_err();
    assert!(error.to_string().contains("`revert` rests on `convert`"), "{error}");
}
