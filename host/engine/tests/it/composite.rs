//! Composite plans as files: what is read back, and what is refused.

use lockstep_engine::model::{
    Composite, Effect, Moment, Plan, Preview, Previewed, ReadCompositeError, ReadPlanError, Stage,
};

use crate::fake::{FarSide, Shape, command, listed};

fn plan() -> Plan {
    let one: [Effect; 1] = [command("one", "INCR", "one")];
    Shape::default().step(listed("first", &one), &one).freeze(&FarSide::default()).unwrap()
}

/// Of two stages, the first planned and the second not yet; `change` changes the first.
fn changed(change: impl FnOnce(&mut Stage)) -> Composite {
    let plan = plan();
    let environment = plan.authority.environment.clone();
    let digest = plan.authority.digest().unwrap();
    let stage = |component: &str, preview| Stage {
        component: component.to_owned(),
        desired: Some("2".to_owned()),
        preview,
    };
    let mut first = stage("redis", Preview::Planned(Box::new(Previewed { digest, plan })));
    change(&mut first);
    let second = stage("two", Preview::Unplanned("not yet".to_owned()));
    Composite::new(Moment(7), environment, vec![first, second]).unwrap()
}

fn composite() -> Composite {
    changed(|_| {})
}

/// Returns why a composite plan is refused whose name is right.
fn misfit(composite: &Composite) -> String {
    let error = Composite::from_json(&composite.to_json().unwrap()).unwrap_err();
    assert!(matches!(error, ReadCompositeError::Unfit(_)), "{error}");
    error.to_string()
}

fn previewed(stage: &mut Stage) -> &mut Previewed {
    match &mut stage.preview {
        Preview::Planned(previewed) => previewed,
        Preview::Unplanned(_) => unreachable!(),
    }
}

#[test]
fn a_composite_plan_survives_the_round_trip_and_planning_again_makes_another() {
    let one = composite();
    let text = one.to_json().unwrap();
    assert_eq!(Composite::from_json(&text).unwrap(), one);
    let again = Composite::new(Moment(8), one.environment.clone(), one.stages.clone()).unwrap();
    assert_ne!(again.id, one.id);
}

#[test]
fn what_was_changed_is_newer_or_unknown_is_refused_by_name() {
    let text = composite().to_json().unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "`{from}` is not in {text}");
        Composite::from_json(&text.replacen(from, to, 1)).unwrap_err()
    };
    let changed = refused("\"desired\": \"2\"", "\"desired\": \"3\"");
    assert!(matches!(changed, ReadCompositeError::Changed { .. }), "{changed}");
    let newer = refused("\"lockstep_composite\": 1", "\"lockstep_composite\": 2");
    assert!(matches!(newer, ReadCompositeError::Format { found: 2 }), "{newer}");
    let unknown = refused("\"made\": 7", "\"made\": 7, \"rules\": []");
    assert!(matches!(unknown, ReadCompositeError::Malformed(_)), "{unknown}");
    let plan = refused("\"format\": 1", "\"format\": 9");
    let newer =
        matches!(plan, ReadCompositeError::Stage { source: ReadPlanError::Format { .. }, .. });
    assert!(newer, "{plan}");
}

#[test]
fn a_file_whose_name_was_made_to_fit_what_it_holds_is_refused_where_that_does_not_fit_together() {
    let harmless = changed(|stage| previewed(stage).plan.authority.steps.clear());
    assert!(misfit(&harmless).contains("not the one of its digest"));
    let of_another = changed(|stage| stage.component = "litellm".to_owned());
    assert!(misfit(&of_another).contains("is another one's"));
    let unplanned = changed(|stage| stage.preview = Preview::Unplanned("not yet".to_owned()));
    assert!(misfit(&unplanned).contains("has no plan"));
    let one = composite();
    let with = |stages| Composite::new(one.made, one.environment.clone(), stages).unwrap();
    assert!(misfit(&with(Vec::new())).contains("no stage"));
    let twice = with(vec![one.stages[0].clone(), one.stages[0].clone()]);
    assert!(misfit(&twice).contains("what an earlier one does"));
}
