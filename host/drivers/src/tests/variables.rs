use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Assignment, Kind, Piece, Read, Reading, Recipe, VariableValue};
use lockstep_lab::{Control, Stack};
use serde_json::json;

use super::world::{One, World, effect, named};

fn set(name: &str, value: Vec<Piece>) -> Kind {
    Kind::SetVariables {
        service: named("litellm"),
        assignments: vec![Assignment { name: name.to_owned(), value }],
    }
}

async fn value(world: &World, name: &str) -> Option<VariableValue> {
    let Reading::Variables(all) = world.read(Read::Variables(named("litellm"))).await.unwrap()
    else {
        panic!()
    };
    all.into_iter().find(|one| one.name == name).map(|one| one.value)
}

#[tokio::test]
async fn a_secret_literal_comes_back_without_anybody_having_seen_it() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let before = world.lab.variables("litellm").unwrap();
    let original = value(&world, "LITELLM_MASTER_KEY").await.unwrap();
    world
        .done(
            "set",
            set("LITELLM_MASTER_KEY", vec![Piece::Text("sk-another-key-0123456789".to_owned())]),
        )
        .await;
    assert_ne!(value(&world, "LITELLM_MASTER_KEY").await.unwrap(), original);
    assert!(matches!(
        value(&world, "LOCKSTEP_BEFORE_RUN1_LITELLM_MASTER_KEY").await,
        Some(VariableValue::Masked(_))
    ));
    let names = vec!["LITELLM_MASTER_KEY".to_owned()];
    let restore = effect("restore", Kind::RestoreVariables { service: named("litellm"), names });
    world.carry_out(&One::of(&restore)).await.unwrap();
    assert_eq!(value(&world, "LITELLM_MASTER_KEY").await.unwrap(), original);
    let after = world.lab.variables("litellm").unwrap();
    assert_eq!(after["LITELLM_MASTER_KEY"], before["LITELLM_MASTER_KEY"]);
    assert_eq!(after["LOCKSTEP_BEFORE_RUN1_LITELLM_MASTER_KEY"], "");
    // Nothing is kept any more, so a second restore has nothing to put back.
    let again = world.carry_out(&One::of(&restore)).await.unwrap_err();
    assert!(again.contains("keeps no former value"), "{again}");
    assert_eq!(world.count("serviceInstanceDeployV2"), 0);
}

#[tokio::test]
async fn a_secret_that_an_older_run_changed_is_changed_and_put_back_all_the_same() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let key = "LITELLM_MASTER_KEY";
    let set = |text: &str| set(key, vec![Piece::Text(text.to_owned())]);
    let older = effect("older", set("sk-older-0123456789"));
    let marker = "lockstep-run0-older".to_owned();
    world.carry_out(&One { marker, ..One::of(&older) }).await.unwrap();
    world.done("set", set("sk-another-key-0123456789")).await;
    let restore = effect(
        "restore",
        Kind::RestoreVariables { service: named("litellm"), names: vec![key.to_owned()] },
    );
    let one = One::of(&restore);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    world.carry_out(&one).await.unwrap();
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    assert_eq!(world.lab.variables("litellm").unwrap()[key], "sk-older-0123456789");
    // An undo overwrites what the run itself set, which nobody needs again.
    let undo = effect("undo", set("sk-another-key-0123456789"));
    let kept = || {
        let mut variables = world.lab.variables("litellm").unwrap();
        variables.retain(|name, _| name.starts_with("LOCKSTEP_BEFORE_"));
        variables
    };
    let before = kept();
    assert!(!before["LOCKSTEP_BEFORE_RUN0_LITELLM_MASTER_KEY"].is_empty(), "the older run's stays");
    world.carry_out(&One { undo: true, ..One::of(&undo) }).await.unwrap();
    assert_eq!(kept(), before);
}

#[tokio::test]
async fn a_reference_that_renders_to_nothing_is_noticed() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    world
        .done("good", set("CACHE", vec![Piece::Reference(named("redis"), "REDIS_HOST".to_owned())]))
        .await;
    assert_eq!(
        value(&world, "CACHE").await,
        Some(VariableValue::Shown("${{redis.REDIS_HOST}}".to_owned()))
    );
    let bad =
        effect("bad", set("CACHE", vec![Piece::Reference(named("redis"), "NOT_THERE".to_owned())]));
    let why = world.carry_out(&One::of(&bad)).await.unwrap_err();
    assert!(why.contains("renders to nothing"), "{why}");
}

#[tokio::test]
async fn variables_are_deleted_without_a_deploy_unless_somebody_staged_something() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let names = vec!["LITELLM_LOG_LEVEL".to_owned(), "UI_PASSWORD".to_owned()];
    let delete =
        effect("delete", Kind::DeleteVariables { service: named("litellm"), names: names.clone() });
    let id = world.lab.service_id("redis").unwrap();
    let patch = json!({ "services": { id: { "variables": { "THEIRS": { "value": "1" } } } } });
    world.lab.control(Control::StageChange { patch }).unwrap();
    let refused = world.carry_out(&One::of(&delete)).await.unwrap_err();
    assert!(refused.contains("redis: variables.THEIRS"), "{refused}");
    assert!(world.lab.mutations().is_empty());
    let discarded = World::up(Stack::AsRun, &["redis"]).await;
    discarded.carry_out(&One::of(&delete)).await.unwrap();
    assert_eq!(value(&discarded, "LITELLM_LOG_LEVEL").await, None);
    assert_eq!(value(&discarded, "UI_PASSWORD").await, None);
    // A masked literal that is deleted can be put back as well.
    let restore =
        Kind::RestoreVariables { service: named("litellm"), names: vec!["UI_PASSWORD".to_owned()] };
    discarded.done("back", restore).await;
    assert!(value(&discarded, "UI_PASSWORD").await.is_some());
    assert_eq!(discarded.count("serviceInstanceDeployV2"), 0);
    let Reading::Deployments(none) =
        discarded.read(Read::Deployments(named("litellm"), 5)).await.unwrap()
    else {
        panic!()
    };
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test]
async fn a_generated_secret_is_made_once() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let kind = Kind::GenerateVariable {
        service: named("litellm"),
        name: "SALT_OF_OURS".to_owned(),
        recipe: Recipe::Hex(64),
    };
    let generate = effect("generate", kind);
    let one = One::of(&generate);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    assert_eq!(world.send(&one, &intent).await, Sent::Done(Vec::new()));
    let first = world.lab.variables("litellm").unwrap()["SALT_OF_OURS"].clone();
    assert_eq!(first.len(), 64);
    assert!(world.drivers.redactor().text(&format!("x{first}y")).contains("[secret]"));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    assert_eq!(world.send(&one, &intent).await, Sent::Done(Vec::new()));
    assert_eq!(world.lab.variables("litellm").unwrap()["SALT_OF_OURS"], first);
}

#[tokio::test]
async fn settings_are_set_and_unset_and_what_is_no_setting_is_refused() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let read = async || {
        let Reading::Services(services) = world.read(Read::Services).await.unwrap() else {
            panic!()
        };
        let settings =
            services.into_iter().find(|service| service.name == "litellm").unwrap().settings;
        move |name: &str| {
            settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        }
    };
    let set = |pairs: &[(&str, &str)]| Kind::SetSettings {
        service: named("litellm"),
        settings: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    world
        .done(
            "set",
            set(&[
                ("draining-seconds", "60"),
                ("healthcheck-path", "/health/readiness"),
                ("auto-updates", "disabled"),
            ]),
        )
        .await;
    let now = read().await;
    assert_eq!(now("draining-seconds").as_deref(), Some("60"));
    assert_eq!(now("healthcheck-path").as_deref(), Some("/health/readiness"));
    // The lab takes a change of automatic updates and keeps none, so only that it was sent can be seen here.
    assert_eq!(world.count("environmentPatchCommitStaged"), 1);
    world.done("unset", set(&[("draining-seconds", "")])).await;
    assert_eq!(read().await("draining-seconds"), None);
    for wrong in
        [&[("colour", "red")], &[("draining-seconds", "soon")], &[("restart-policy", "PERHAPS")]]
    {
        let refused = world.carry_out(&One::of(&effect("wrong", set(wrong)))).await.unwrap_err();
        assert!(refused.contains("Refused") && refused.contains("setting"), "{refused}");
    }
}
