//! A service that becomes a cluster through Railway's own workflow, and one again.

use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{
    Effect, Fact, Failure, Kind, MovedVariable, Read, Reading, ServiceRef, Template, Variable,
    VariableValue,
};
use lockstep_lab::{Control, Fault, Stack};
use serde_json::json;

use super::world::{One, World, effect, named};
use crate::order::text_of;

const CODE: &str = "postgres-ha";
const FRONT: &str = "Postgres HA";

/// The template with the images that a server of version 16 gets.
async fn template(world: &World) -> Template {
    let read = Read::Template(CODE.to_owned());
    let Reading::Template(Some(mut found)) = world.read(read).await.unwrap() else { panic!() };
    for service in &mut found.services {
        if let Some(image) = &mut service.image {
            *image = image.replace(":18", ":16");
        }
    }
    found
}

/// Every variable that refers to the server by its name.
async fn moved(world: &World) -> Vec<MovedVariable> {
    let Reading::Services(services) = world.read(Read::Services).await.unwrap() else { panic!() };
    let mut moved = Vec::new();
    for service in services.iter().filter(|service| service.name != "postgres") {
        let read = Read::Variables(named(&service.name));
        let Reading::Variables(variables) = world.read(read).await.unwrap() else { panic!() };
        for Variable { name, value } in variables {
            let VariableValue::Shown(before) = value else { continue };
            let after = before.replace("${{postgres.", &format!("${{{{{FRONT}."));
            if before != after {
                let (service, extra) = (service.name.clone(), Vec::new());
                moved.push(MovedVariable { service, name, before, after, extra });
            }
        }
    }
    moved
}

async fn conversion(world: &World) -> Effect {
    let (wanted, moved) = (template(world).await, moved(world).await);
    effect("convert", Kind::StageConversion { root: named("postgres"), wanted, moved })
}

fn resting(label: &str, kind: fn(lockstep_engine::model::Label) -> Kind, on: &str) -> Effect {
    effect(label, kind(on.parse().unwrap()))
}

fn commit(on: &str) -> Effect {
    resting("commit", |staged_by| Kind::CommitStaged { staged_by }, on)
}

fn discard() -> Effect {
    resting("discard", |staged_by| Kind::DiscardStaged { staged_by }, "convert")
}

fn revert() -> Effect {
    resting("revert", |converted_by| Kind::StageRevert { converted_by }, "convert")
}

async fn is_nothing_staged(world: &World) {
    assert_eq!(world.read(Read::Staged).await.unwrap(), Reading::Staged(Vec::new()));
}

async fn names(world: &World) -> Vec<String> {
    let Reading::Services(services) = world.read(Read::Services).await.unwrap() else { panic!() };
    services.into_iter().map(|service| service.name).collect()
}

#[tokio::test]
async fn a_template_is_read_with_its_digest_and_one_that_is_not_there_is_none() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let found = template(&world).await;
    assert_eq!(found.services.len(), 7);
    assert!(found.digest.starts_with("sha256:"), "{}", found.digest);
    let root = found.root().unwrap();
    assert!(root.variables.contains(&("PATRONI_ENABLED".to_owned(), "true".to_owned())));
    let front = found.services.iter().find(|service| service.name == FRONT).unwrap();
    assert_eq!((front.replicas, front.role.as_deref()), (3, Some("edge")));
    let none = world.read(Read::Template("none".to_owned())).await.unwrap();
    assert_eq!(none, Reading::Template(None));
}

#[tokio::test]
async fn a_server_is_converted_and_converted_back_without_a_deployment() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let before = names(&world).await;
    let convert = conversion(&world).await;
    let staged = world.carry_out(&One::of(&convert)).await.unwrap();
    assert_eq!(names(&world).await, before, "nothing is there before the commit");
    world.carry_out(&One::resting_on(&commit("convert"), &staged)).await.unwrap();
    assert_eq!(names(&world).await.len(), before.len() + 6);
    let etcd = ServiceRef::Made("etcd-1".to_owned());
    let image = Kind::SetImage { service: etcd, image: "ghcr.io/x/etcd:3".to_owned() };
    world.done("image", image).await;

    let back = world.carry_out(&One::resting_on(&revert(), &staged)).await.unwrap();
    world.carry_out(&One::resting_on(&commit("revert"), &back)).await.unwrap();
    assert_eq!(names(&world).await, before);
    assert_eq!(moved(&world).await.len(), {
        let Kind::StageConversion { moved, .. } = &convert.kind else { panic!() };
        moved.len()
    });
    // Once more there is nothing to take back, and nothing is staged or committed for it.
    let none = world.carry_out(&One::resting_on(&revert(), &staged)).await.unwrap();
    world.carry_out(&One::resting_on(&commit("revert"), &none)).await.unwrap();
    assert_eq!(
        (world.count("templateRevert"), world.count("environmentPatchCommitStaged")),
        (1, 2)
    );
    assert_eq!(world.count("serviceInstanceDeployV2"), 0);
}

#[tokio::test]
async fn a_variable_that_was_not_to_move_is_refused_and_what_others_stage_beside_it_is_left_to_them()
 {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let mut convert = conversion(&world).await;
    let Kind::StageConversion { moved, .. } = &mut convert.kind else { panic!() };
    let lost = moved.pop().unwrap();
    let one = One::of(&convert);
    let intent = world.intend(&one).await;
    let Sent::Done(facts) = world.send(&one, &intent).await else { panic!() };
    let why = world.follow(&one, &intent, &facts).await.unwrap_err();
    assert!(why.contains(&format!("variable `{}`", lost.name)), "{why}");
    assert_eq!(text_of(&facts, "staged"), None);
    let id = world.lab.service_id("redis").unwrap();
    let patch = json!({ "services": { id: { "variables": { "THEIRS": { "value": "1" } } } } });
    world.lab.control(Control::StageChange { patch }).unwrap();
    let refused = world.carry_out(&One::resting_on(&discard(), &facts)).await.unwrap_err();
    assert!(refused.contains("not what this run staged"), "{refused}");
    assert_eq!(world.count("environmentPatchCommitStaged"), 0);
}

#[tokio::test]
async fn what_is_staged_and_not_planned_is_refused_and_discarded_uncommitted() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let mut convert = conversion(&world).await;
    let Kind::StageConversion { moved, .. } = &mut convert.kind else { panic!() };
    moved.clear();
    let one = One::of(&convert);
    let intent = world.intend(&one).await;
    let Sent::Done(facts) = world.send(&one, &intent).await else { panic!() };
    world.follow(&one, &intent, &facts).await.unwrap_err();
    world.carry_out(&One::resting_on(&discard(), &facts)).await.unwrap();
    is_nothing_staged(&world).await;

    let mut convert = conversion(&world).await;
    let Kind::StageConversion { wanted, .. } = &mut convert.kind else { panic!() };
    for service in &mut wanted.services {
        if let Some(image) = &mut service.image {
            *image = image.replace(":16", ":17");
        }
    }
    let one = One::of(&convert);
    let intent = world.intend(&one).await;
    let Sent::Done(facts) = world.send(&one, &intent).await else { panic!() };
    let why = world.follow(&one, &intent, &facts).await.unwrap_err();
    assert!(why.contains("the source of the root"), "{why}");
    world.carry_out(&One::resting_on(&discard(), &facts)).await.unwrap();
    is_nothing_staged(&world).await;
    assert_eq!(world.count("environmentPatchCommitStaged"), 0);
}

#[tokio::test]
async fn nothing_is_staged_beside_what_somebody_else_staged_or_of_another_template() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let id = world.lab.service_id("litellm").unwrap();
    let patch = json!({ "services": { id: { "variables": { "THEIRS": { "value": "1" } } } } });
    let convert = conversion(&world).await;
    world.lab.control(Control::StageChange { patch }).unwrap();
    let error = world.carry_out(&One::of(&convert)).await.unwrap_err();
    assert!(error.contains("THEIRS"), "{error}");
    let mut other = convert.clone();
    let Kind::StageConversion { wanted, .. } = &mut other.kind else { panic!() };
    wanted.digest = format!("sha256:{}", "0".repeat(64));
    let one = One::of(&other);
    let intent = world.intend(&one).await;
    let Sent::Refused(Failure::Permanent(problem)) = world.send(&one, &intent).await else {
        panic!()
    };
    assert!(problem.message.contains("by now"), "{problem:?}");
    assert_eq!(world.count("templateDeployV2"), 0);
}

#[tokio::test]
async fn a_lost_reply_is_found_by_what_is_staged() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let lose = |mutation: &str| {
        world.lab.mend();
        world.lab.inject(Fault::DropReply { mutation: Some(mutation.to_owned()), nth: 1 });
    };
    let found = async |one: &One<'_>, mutation: &str| -> Vec<Fact> {
        let intent = world.intend(one).await;
        lose(mutation);
        assert!(matches!(world.send(one, &intent).await, Sent::Unknown(_)));
        let Fate::Happened(facts) = world.settle(one, &intent).await else { panic!("{mutation}") };
        world.follow(one, &intent, &facts).await.unwrap()
    };
    let convert = conversion(&world).await;
    let one = One::of(&convert);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    let staged = found(&one, "templateDeployV2").await;
    found(&One::resting_on(&commit("convert"), &staged), "environmentPatchCommitStaged").await;
    let back = found(&One::resting_on(&revert(), &staged), "templateRevert").await;
    found(&One::resting_on(&commit("revert"), &back), "environmentPatchCommitStaged").await;
    for (name, times) in
        [("templateDeployV2", 1), ("templateRevert", 1), ("environmentPatchCommitStaged", 2)]
    {
        assert_eq!(world.count(name), times, "{name}");
    }
}
