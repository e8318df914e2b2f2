use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Assignment, Effect, Failure, Kind, Piece, Pin};
use lockstep_lab::{Control, Fault, Stack};
use serde_json::json;

use super::world::{One, World, effect, named};

const KEY: &str = "LITELLM_MASTER_KEY";

fn set(value: &str) -> Effect {
    let value = vec![Piece::Text(value.to_owned())];
    let assignments = vec![Assignment { name: KEY.to_owned(), value }];
    effect("set", Kind::SetVariables { service: named("litellm"), assignments })
}

fn restore() -> Effect {
    let names = vec![KEY.to_owned()];
    effect("restore", Kind::RestoreVariables { service: named("litellm"), names })
}

fn forget() -> Effect {
    let names = vec![KEY.to_owned()];
    effect("forget", Kind::ForgetVariables { service: named("litellm"), names })
}

/// Returns an effect as this run performs it.
fn of<'a>(run: &str, effect: &'a Effect) -> One<'a> {
    One { marker: format!("lockstep-{run}-{}", effect.label), ..One::of(effect) }
}

/// Returns the names of all former values that are kept.
fn kept(world: &World) -> Vec<String> {
    let variables = world.lab.variables("litellm").unwrap();
    variables.into_keys().filter(|name| name.starts_with("LOCKSTEP_BEFORE_")).collect()
}

fn nothing_was_deployed(world: &World) {
    for mutation in ["serviceInstanceDeployV2", "serviceInstanceRedeploy", "deploymentRedeploy"] {
        assert_eq!(world.count(mutation), 0, "{mutation}");
    }
    assert_eq!(world.count("variableDelete"), 0, "it can't be told not to deploy");
}

#[tokio::test]
async fn runs_that_change_the_same_secret_leave_nothing_behind_and_deploy_nothing() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let original = world.lab.variables("litellm").unwrap()[KEY].clone();
    for number in 0..10 {
        let run = format!("r-{number}");
        let value = format!("sk-of-run-{number}-0123456789");
        world.carry_out(&of(&run, &set(&value))).await.unwrap();
        assert_eq!(kept(&world), [format!("LOCKSTEP_BEFORE_R_{number}_{KEY}")]);
        let back = number % 2 == 1;
        if back {
            world.carry_out(&One { undo: true, ..of(&run, &restore()) }).await.unwrap();
        }
        world.carry_out(&One { undo: back, ..of(&run, &forget()) }).await.unwrap();
        assert_eq!(kept(&world), [""; 0], "after run {number}");
        let now = world.lab.variables("litellm").unwrap()[KEY].clone();
        assert_eq!(now == value, !back);
        assert_ne!(now, original, "the first run is done, and its former value gone for good");
    }
    nothing_was_deployed(&world);
}

#[tokio::test]
async fn what_another_run_keeps_is_left_alone() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    world.carry_out(&of("r-stuck", &set("sk-of-the-stuck-0123456789"))).await.unwrap();
    world.carry_out(&of("r-2", &set("sk-of-the-second-0123456789"))).await.unwrap();
    world.carry_out(&of("r-2", &forget())).await.unwrap();
    assert_eq!(kept(&world), [format!("LOCKSTEP_BEFORE_R_STUCK_{KEY}")]);
    // Nothing of it is left, and forgetting it again is no error and no request.
    let before = world.lab.mutations().len();
    world.carry_out(&of("r-2", &forget())).await.unwrap();
    assert_eq!(world.lab.mutations().len(), before);
    world.carry_out(&of("r-stuck", &restore())).await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_and_a_half_done_deletion_are_settled() {
    for (mutation, half) in
        [("environmentPatchCommitStaged", false), ("environmentStageChanges", true)]
    {
        let world = World::up(Stack::AsRun, &["redis"]).await;
        world.carry_out(&of("r-1", &set("sk-another-key-0123456789"))).await.unwrap();
        let forget = forget();
        let one = of("r-1", &forget);
        let intent = world.intend(&one).await;
        assert_eq!(intent.before.len(), 1);
        assert!(intent.before.values().flatten().all(|value| value.starts_with("print:")));
        assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
        world.lab.inject(Fault::DropReply { mutation: Some(mutation.to_owned()), nth: 1 });
        assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)), "{mutation}");
        world.lab.mend();
        if half {
            assert_eq!(world.settle(&one, &intent).await, Fate::Partly);
            assert_eq!(world.send(&one, &intent).await, Sent::Done(Vec::new()));
        }
        assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
        world.follow(&one, &intent, &[]).await.unwrap();
        assert_eq!(kept(&world), [""; 0]);
        assert_eq!(world.count("environmentPatchCommitStaged"), 1);
        nothing_was_deployed(&world);
    }
}

#[tokio::test]
async fn what_somebody_else_staged_is_not_committed_with_it() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    world.carry_out(&of("r-1", &set("sk-another-key-0123456789"))).await.unwrap();
    let id = world.lab.service_id("redis").unwrap();
    let patch = json!({ "services": { id: { "variables": { "THEIRS": { "value": "1" } } } } });
    world.lab.control(Control::StageChange { patch }).unwrap();
    let forget = forget();
    let one = of("r-1", &forget);
    let intent = world.intend(&one).await;
    let Sent::Refused(Failure::Permanent(problem)) = world.send(&one, &intent).await else {
        panic!()
    };
    assert_eq!(problem.code, "railway:staged");
    assert_eq!(kept(&world).len(), 1);
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
}

#[tokio::test]
async fn a_service_that_is_gone_keeps_nothing() {
    let world = World::up(Stack::AsRun, &["redis"]).await;
    let forget = forget();
    let gone = Pin { service_id: "gone".to_owned(), volume_instance_id: None };
    let one = One { pin: Some(gone), ..of("r-1", &forget) };
    let intent = world.intend(&one).await;
    assert_eq!(world.send(&one, &intent).await, Sent::Done(Vec::new()));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    world.follow(&one, &intent, &[]).await.unwrap();
    assert!(world.lab.mutations().is_empty());
}
