use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{DeploySource, Failure, Kind, Pin};
use lockstep_engine::run::World as _;
use lockstep_lab::{Control, Stack};

use super::world::{One, World, effect, named};

async fn pin(world: &World) -> Pin {
    let survey = world.drivers.survey().await.unwrap();
    let redis = &survey.services["redis"];
    Pin {
        service_id: redis.service_id.clone(),
        volume_instance_id: redis.volume_instance_id.clone(),
    }
}

#[tokio::test]
async fn another_image_than_the_one_that_was_looked_at_is_not_deployed() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let deploy = effect(
        "deploy",
        Kind::Deploy { service: named("redis"), source: DeploySource::Configured },
    );
    let one = One::of(&deploy);
    let intent = world.intend(&one).await;
    let image = Kind::SetImage { service: named("redis"), image: "redis:7.0".to_owned() };
    world.done("theirs", image).await;
    let Sent::Refused(Failure::Permanent(problem)) = world.send(&one, &intent).await else {
        panic!()
    };
    assert_eq!(problem.code, "railway:moved");
    assert_eq!(world.count("serviceInstanceDeployV2"), 0);
    // A deployment of it that somebody else makes meanwhile is not the effect's own.
    world.lab.control(Control::DeployService { service: "redis".to_owned() }).unwrap();
    let fate = world.settle(&one, &intent).await;
    assert!(matches!(&fate, Fate::CannotTell(why) if why.contains("redis:7.0")), "{fate:?}");
}

#[tokio::test]
async fn a_volume_that_was_not_there_when_the_plan_was_made_is_neither_moved_nor_deleted() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let pin = pin(&world).await;
    let other = Pin { volume_instance_id: Some("another".to_owned()), ..pin.clone() };
    let none = Pin { volume_instance_id: None, ..pin.clone() };
    let mount =
        effect("mount", Kind::SetMount { service: named("redis"), mount: "/elsewhere".to_owned() });
    let delete = effect("delete", Kind::DeleteVolume { service: named("redis") });
    for effect in [&mount, &delete] {
        for pin in [&other, &none] {
            let one = One { pin: Some(pin.clone()), ..One::of(effect) };
            let intent = world.intend(&one).await;
            let Sent::Refused(Failure::Permanent(problem)) = world.send(&one, &intent).await else {
                panic!()
            };
            assert_eq!(problem.code, "railway:moved");
        }
    }
    assert!(world.lab.mutations().is_empty());
    let one = One { pin: Some(pin), ..One::of(&mount) };
    world.carry_out(&one).await.unwrap();
    let before = world.drivers.stand(&One::of(&delete).order()).await.unwrap();
    let made = before["volume"].clone().into_iter().collect();
    let one = One { pin: Some(none), volumes: made, ..One::of(&delete) };
    world.carry_out(&one).await.unwrap();
    assert_eq!(world.count("volumeDelete"), 1);
}
