use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{
    Assignment, DeploySource, Fact, Kind, Piece, Pin, Read, Reading, ServiceRef, VariableValue,
};
use lockstep_engine::run::World as _;
use lockstep_lab::{Control, Fault, Stack};

use super::world::{One, World, effect, named};
use crate::order::text_of;

#[tokio::test]
async fn everything_of_an_environment_is_read_and_no_secret_with_it() {
    let world = World::up(Stack::Redis6, &["redis", "postgres"]).await;
    let secret = world.lab.variables("redis").unwrap()["REDIS_PASSWORD"].clone();
    let Reading::Services(services) = world.read(Read::Services).await.unwrap() else { panic!() };
    assert_eq!(services.len(), 9);
    let redis = services.iter().find(|service| service.name == "redis").unwrap();
    assert!(redis.image.as_deref().unwrap().starts_with("redis:6.2"), "{redis:?}");
    assert!(redis.volume.is_some());
    let Reading::Variables(variables) = world.read(Read::Variables(named("redis"))).await.unwrap()
    else {
        panic!()
    };
    let of = |name: &str| variables.iter().find(|one| one.name == name).unwrap().value.clone();
    assert!(matches!(of("REDIS_PASSWORD"), VariableValue::Masked(print) if print.len() == 16));
    assert_eq!(of("REDIS_PORT"), VariableValue::Shown("6379".to_owned()));
    let destination =
        world.read(Read::Destination(named("postgres"), "DATABASE_URL".to_owned())).await.unwrap();
    let Reading::Destination(Some(location)) = &destination else { panic!() };
    assert_eq!((location.port, location.path.as_str()), (Some(5432), "/litellm_langfuse"));
    let told = [("password", "plain"), ("references", "some")];
    assert_eq!(location.extra, told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let Reading::Deployments(deployments) =
        world.read(Read::Deployments(named("redis"), 5)).await.unwrap()
    else {
        panic!()
    };
    let newest = &deployments[0];
    assert!(newest.digest.as_deref().unwrap().starts_with("sha256:"), "{newest:?}");
    let one = world.read(Read::Deployment(newest.id.clone())).await.unwrap();
    assert_eq!(one, Reading::Deployment(Some(newest.clone())));
    assert_eq!(world.read(Read::Staged).await.unwrap(), Reading::Staged(Vec::new()));
    let read =
        Read::Logs(named("redis"), lockstep_engine::model::Moment(0), "Redis".to_owned(), 50);
    let logs = world.read(read).await.unwrap();
    assert!(matches!(&logs, Reading::Logs(lines) if !lines.is_empty()), "{logs:?}");
    for reading in [Reading::Services(services), Reading::Variables(variables), destination, logs] {
        assert!(!format!("{reading:?}").contains(&secret));
    }
    let survey = world.drivers.survey().await.unwrap();
    assert_eq!(survey.services["redis"].running_digest, newest.digest);
}

#[tokio::test]
async fn an_image_is_published_until_it_vanishes_and_a_moved_tag_is_noticed() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let published = async |image: &str| {
        let reading = world.read(Read::Published(image.to_owned())).await.unwrap();
        let Reading::Published(found) = reading else { panic!("{reading:?}") };
        found.map(|found| found.digest)
    };
    let before = published("redis:7.0").await.unwrap();
    assert_eq!(published(&format!("redis:7.0@{before}")).await.as_ref(), Some(&before));
    assert_eq!(
        published(&format!("docker.io/library/redis@{before}")).await.as_ref(),
        Some(&before)
    );
    assert_eq!(published("bitnami/redis:7.2").await, None);
    world.lab.control(Control::MoveTag { image: "redis:7.0".to_owned(), version: None }).unwrap();
    let after = published("redis:7.0").await.unwrap();
    assert_ne!(before, after);
    assert_eq!(published(&format!("redis@{before}")).await.as_ref(), Some(&before));
    world.lab.control(Control::Vanish { image: "redis:7.0".to_owned() }).unwrap();
    assert_eq!(published("redis:7.0").await, None);
}

#[tokio::test]
async fn a_service_is_made_once_found_by_its_marker_and_deleted() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let image = "redis:7.0".to_owned();
    let create = effect(
        "make",
        Kind::CreateService {
            alias: "next".to_owned(),
            name: "redis-next".to_owned(),
            image,
            assignments: vec![Assignment {
                name: "REDIS_PASSWORD".to_owned(),
                value: vec![Piece::Reference(named("redis"), "REDIS_PASSWORD".to_owned())],
            }],
        },
    );
    let one = One::of(&create);
    let made = world.carry_out(&one).await.unwrap();
    let id = text_of(&made, "service").unwrap().to_owned();
    // The same effect again finds what it made.
    let again = world.carry_out(&one).await.unwrap();
    assert_eq!(text_of(&again, "service"), Some(id.as_str()));
    assert_eq!(world.count("serviceCreate"), 1);
    assert_eq!(world.count("serviceInstanceDeployV2"), 0);
    let alias = ServiceRef::Made("next".to_owned());
    let Reading::Deployments(none) = world.read(Read::Deployments(alias.clone(), 5)).await.unwrap()
    else {
        panic!()
    };
    assert!(none.is_empty(), "{none:?}");
    let volume = world
        .done("volume", Kind::CreateVolume { service: alias.clone(), mount: "/data".to_owned() })
        .await;
    assert!(text_of(&volume, "volume").is_some());
    world
        .done("mount", Kind::SetMount { service: alias.clone(), mount: "/elsewhere".to_owned() })
        .await;
    let Reading::Services(services) = world.read(Read::Services).await.unwrap() else { panic!() };
    let found = services.iter().find(|service| service.name == "redis-next").unwrap();
    assert_eq!(found.volume.as_ref().unwrap().mount, "/elsewhere");
    world.done("no-volume", Kind::DeleteVolume { service: alias.clone() }).await;
    let delete = effect("gone", Kind::DeleteService { service: alias });
    let gone = world.carry_out(&One::of(&delete)).await.unwrap();
    assert_eq!(gone, [Fact::text("service", id)]);
}

#[tokio::test]
async fn a_service_that_is_built_is_made_without_a_deployment_and_deployed_at_a_commit() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let create = effect(
        "make",
        Kind::CreateBuiltService {
            alias: "job".to_owned(),
            name: "pg-migrate-ha".to_owned(),
            repository: "railwayapp-templates/pg-migrate-ha".to_owned(),
            assignments: Vec::new(),
        },
    );
    let one = One::of(&create);
    let intent = world.intend(&one).await;
    world.carry_out(&one).await.unwrap();
    world.carry_out(&one).await.unwrap();
    assert!(matches!(world.settle(&one, &intent).await, Fate::Happened(_)));
    assert_eq!(world.count("serviceCreate"), 1);
    let alias = || ServiceRef::Made("job".to_owned());
    let settings = ["root-directory", "restart-policy"].map(str::to_owned);
    let settings: Vec<_> =
        settings.into_iter().zip(["script", "NEVER"].map(str::to_owned)).collect();
    world
        .done("settings", Kind::SetSettings { service: alias(), settings: settings.clone() })
        .await;
    let Reading::Services(services) = world.read(Read::Services).await.unwrap() else { panic!() };
    let found = services.iter().find(|service| service.name == "pg-migrate-ha").unwrap();
    assert_eq!(found.repository.as_deref(), Some("railwayapp-templates/pg-migrate-ha"));
    assert!(settings.iter().all(|one| found.settings.contains(one)), "{:?}", found.settings);
    let Reading::Deployments(none) = world.read(Read::Deployments(alias(), 5)).await.unwrap()
    else {
        panic!()
    };
    assert!(none.is_empty(), "{none:?}");
    let deploy = |commit: &str| Kind::Deploy {
        service: alias(),
        source: DeploySource::Commit(commit.to_owned()),
    };
    let other = effect("other", deploy("0123456789abcdef"));
    let error = world.carry_out(&One::of(&other)).await.unwrap_err();
    assert!(error.contains("Commit not found"), "{error}");
    let go = effect("go", deploy("2a538d4a41dc042eba0aec0ac13e99244afc2d86"));
    // What runs here ends badly at once, which may be seen or not: this is about what was begun.
    let _ended = world.carry_out(&One::of(&go)).await;
    let Reading::Deployments(made) = world.read(Read::Deployments(alias(), 5)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(made.len(), 1, "{made:?}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_taken_over() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let create = effect(
        "make",
        Kind::CreateService {
            alias: "a".to_owned(),
            name: "redis".to_owned(),
            image: "redis:7.0".to_owned(),
            assignments: Vec::new(),
        },
    );
    let error = world.carry_out(&One::of(&create)).await.unwrap_err();
    assert!(error.contains("did not make"), "{error}");
    assert!(world.lab.mutations().is_empty());
}

#[tokio::test]
async fn what_happened_in_part_is_told_from_what_did_not_and_sent_again() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let create = effect(
        "make",
        Kind::CreateService {
            alias: "next".to_owned(),
            name: "redis-next".to_owned(),
            image: "redis:7.0".to_owned(),
            assignments: Vec::new(),
        },
    );
    let one = One::of(&create);
    let intent = world.intend(&one).await;
    world.carry_out(&one).await.unwrap();
    let alias = ServiceRef::Made("next".to_owned());
    // As if the process had died between making it and giving it its image.
    let other = Kind::SetImage { service: alias.clone(), image: "redis:6.2".to_owned() };
    world.done("other", other).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::Partly);
    world.carry_out(&one).await.unwrap();
    assert!(matches!(world.settle(&one, &intent).await, Fate::Happened(_)));
    assert_eq!(world.count("serviceCreate"), 1);

    let two = |drain: &str| Kind::SetSettings {
        service: alias.clone(),
        settings: vec![
            ("draining-seconds".to_owned(), drain.to_owned()),
            ("overlap-seconds".to_owned(), "7".to_owned()),
        ],
    };
    let set = effect("set", two("60"));
    let one = One::of(&set);
    let intent = world.intend(&one).await;
    let settings = vec![("draining-seconds".to_owned(), "60".to_owned())];
    world.done("half", Kind::SetSettings { service: alias.clone(), settings }).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::Partly);
    world.carry_out(&one).await.unwrap();
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
}

#[tokio::test]
async fn a_service_that_is_deleted_leaves_its_volume_and_the_backups_of_that() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let backup = world.done("backup", Kind::BackupVolume { service: named("redis") }).await;
    let (volume, instance) =
        (text_of(&backup, "volume").unwrap(), text_of(&backup, "volume-instance").unwrap());
    let pin = |volume: &str| Pin {
        service_id: world.lab.service_id("redis").unwrap(),
        volume_instance_id: Some(volume.to_owned()),
    };
    let delete = effect("gone", Kind::DeleteService { service: named("redis") });
    // Another volume than that of the plan is nobody's to part with.
    let other = One { pin: Some(pin("other")), ..One::of(&delete) };
    let refused = world.carry_out(&other).await.unwrap_err();
    assert!(refused.contains("another volume"), "{refused}");
    let one = One { pin: Some(pin(instance)), ..One::of(&delete) };
    let intent = world.intend(&one).await;
    let Sent::Refused(refused) = world.send(&one, &intent).await else { panic!("it runs") };
    assert_eq!(refused.problem().code, "railway:still-runs", "{refused}");
    assert_eq!(world.count("volumeInstanceUpdate"), 0);
    world.done("stop", Kind::Stop { service: named("redis") }).await;

    // It is deleted only when its volume is seen to belong to nobody, and what was only detached is begun again.
    let intent = world.intend(&one).await;
    let lost = |mutation: &str| {
        world.lab.inject(Fault::DropReply { mutation: Some(mutation.to_owned()), nth: 1 });
    };
    lost("volumeInstanceUpdate");
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    assert_eq!(world.settle(&one, &intent).await, Fate::Partly);
    let again = world.intend(&one).await;
    lost("serviceDelete");
    assert!(matches!(world.send(&one, &again).await, Sent::Unknown(_)));
    let Fate::Happened(facts) = world.settle(&one, &again).await else { panic!("it is deleted") };
    let gone = world.follow(&one, &again, &facts).await.unwrap();
    assert_eq!(text_of(&gone, "volume"), Some(volume), "{gone:?}");
    let late = world.intend(&one).await;
    assert!(matches!(world.send(&one, &late).await, Sent::Done(_)), "it has come true before");
    let Reading::Services(services) = world.read(Read::Services).await.unwrap() else { panic!() };
    assert!(services.iter().all(|service| service.name != "redis"), "{services:?}");
    let given = [("volume-instance", instance), ("backup", text_of(&backup, "backup").unwrap())];
    let given = given.map(|(name, text)| Fact::text(name, text));
    let lock = effect("lock", Kind::LockBackup { backup_of: "backup".parse().unwrap() });
    world.carry_out(&One::resting_on(&lock, &given)).await.unwrap();
}
