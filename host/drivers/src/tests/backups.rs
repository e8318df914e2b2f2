use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Failure, Kind, Label, Piece, Proof, Read, Reading, Times};
use lockstep_lab::{Control, Fault, Stack};
use serde_json::json;

use super::world::{One, World, effect, listening, named};
use crate::order::text_of;

fn label() -> Label {
    "backup".parse().unwrap()
}

fn backup() -> Kind {
    Kind::BackupVolume { service: named("redis") }
}

async fn command(world: &World, line: &str) -> Vec<lockstep_engine::model::Fact> {
    let words = line.split(' ').map(|word| vec![Piece::Text(word.to_owned())]).collect();
    let kind = Kind::RedisCommand { connection: "cache".to_owned(), words };
    let mut effect = effect("command", kind);
    (effect.proof, effect.times) = (Proof::Repeatable, Times::Once);
    world.carry_out(&One::of(&effect)).await.unwrap()
}

#[tokio::test]
async fn a_backup_is_made_locked_restored_and_committed() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    command(&world, "SET before 1").await;
    command(&world, "SAVE").await;
    let made = world.done("backup", backup()).await;
    assert!(
        text_of(&made, "backup").is_some() && text_of(&made, "volume-instance").is_some(),
        "{made:?}"
    );
    let Reading::Backups(listed) = world.read(Read::Backups(named("redis"))).await.unwrap() else {
        panic!()
    };
    assert_eq!(listed[0].name, "lockstep-run1-backup");
    let lock = effect("lock", Kind::LockBackup { backup_of: label() });
    world.carry_out(&One::resting_on(&lock, &made)).await.unwrap();
    let Reading::Backups(listed) = world.read(Read::Backups(named("redis"))).await.unwrap() else {
        panic!()
    };
    assert!(listed[0].locked, "{listed:?}");
    command(&world, "SET after 1").await;
    world.done("stop", Kind::Stop { service: named("redis") }).await;

    let restore =
        effect("restore", Kind::RestoreVolume { service: named("redis"), backup_of: label() });
    let restored = world.carry_out(&One::resting_on(&restore, &made)).await.unwrap();
    assert!(text_of(&restored, "staged").is_some(), "{restored:?}");
    let commit = effect("commit", Kind::CommitStaged { staged_by: "restore".parse().unwrap() });
    world.carry_out(&One::resting_on(&commit, &restored)).await.unwrap();
    assert_eq!(world.read(Read::Staged).await.unwrap(), Reading::Staged(Vec::new()));
    let source = lockstep_engine::model::DeploySource::Configured;
    world.done("deploy", Kind::Deploy { service: named("redis"), source }).await;
    listening(&world.lab, "redis", 6379).await;
    let exists = async |key: &str| {
        let words = vec![b"EXISTS".to_vec(), key.as_bytes().to_vec()];
        world.read(Read::Redis("cache".to_owned(), words)).await.unwrap()
    };
    assert_eq!(
        exists("before").await,
        Reading::Redis(vec![lockstep_engine::model::Node::Integer(1)])
    );
    assert_eq!(
        exists("after").await,
        Reading::Redis(vec![lockstep_engine::model::Node::Integer(0)])
    );
}

#[tokio::test]
async fn what_somebody_else_staged_is_not_committed_with_it() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let made = world.done("backup", backup()).await;
    let restore =
        effect("restore", Kind::RestoreVolume { service: named("redis"), backup_of: label() });
    let restored = world.carry_out(&One::resting_on(&restore, &made)).await.unwrap();
    let id = world.lab.service_id("litellm").unwrap();
    let patch = json!({ "services": { id: { "variables": { "THEIRS": { "value": "1" } } } } });
    world.lab.control(Control::StageChange { patch }).unwrap();
    let commit = effect("commit", Kind::CommitStaged { staged_by: "restore".parse().unwrap() });
    let one = One::resting_on(&commit, &restored);
    let intent = world.intend(&one).await;
    let Sent::Refused(Failure::Permanent(problem)) = world.send(&one, &intent).await else {
        panic!()
    };
    assert!(problem.message.contains("THEIRS"), "{problem:?}");
    assert_eq!(world.count("environmentPatchCommitStaged"), 0);
    // Nor is a restore begun beside it.
    let again = world.carry_out(&One::resting_on(&restore, &made)).await.unwrap_err();
    assert!(again.contains("THEIRS"), "{again}");
}

#[tokio::test]
async fn what_this_run_staged_is_discarded() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let made = world.done("backup", backup()).await;
    let restore =
        effect("restore", Kind::RestoreVolume { service: named("redis"), backup_of: label() });
    let restored = world.carry_out(&One::resting_on(&restore, &made)).await.unwrap();
    let discard = effect("discard", Kind::DiscardStaged { staged_by: "restore".parse().unwrap() });
    world.carry_out(&One::resting_on(&discard, &restored)).await.unwrap();
    assert_eq!(world.read(Read::Staged).await.unwrap(), Reading::Staged(Vec::new()));
}

#[tokio::test]
async fn a_lost_reply_of_each_kind_is_found_by_what_it_made() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let lose = |mutation: &str| {
        world.lab.mend();
        world.lab.inject(Fault::DropReply { mutation: Some(mutation.to_owned()), nth: 1 });
    };
    let backup = effect("backup", backup());
    let one = One::of(&backup);
    let intent = world.intend(&one).await;
    lose("volumeInstanceBackupCreate");
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    let Fate::Happened(facts) = world.settle(&one, &intent).await else { panic!() };
    let made = world.follow(&one, &intent, &facts).await.unwrap();

    let restore =
        effect("restore", Kind::RestoreVolume { service: named("redis"), backup_of: label() });
    let one = One::resting_on(&restore, &made);
    let intent = world.intend(&one).await;
    lose("volumeInstanceBackupRestore");
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    let Fate::Happened(facts) = world.settle(&one, &intent).await else { panic!() };
    let restored = world.follow(&one, &intent, &facts).await.unwrap();

    let commit = effect("commit", Kind::CommitStaged { staged_by: "restore".parse().unwrap() });
    let one = One::resting_on(&commit, &restored);
    let intent = world.intend(&one).await;
    lose("environmentPatchCommitStaged");
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    assert!(matches!(world.settle(&one, &intent).await, Fate::Happened(_)));

    let delete = effect("delete", Kind::DeleteBackup { backup_of: label() });
    let one = One::resting_on(&delete, &made);
    let intent = world.intend(&one).await;
    lose("volumeInstanceBackupDelete");
    assert!(matches!(world.send(&one, &intent).await, Sent::Unknown(_)));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    for name in [
        "volumeInstanceBackupCreate",
        "volumeInstanceBackupRestore",
        "environmentPatchCommitStaged",
        "volumeInstanceBackupDelete",
    ] {
        assert_eq!(world.count(name), 1, "{name}");
    }
}

#[tokio::test]
async fn a_restore_of_which_nothing_shows_is_a_question_and_one_under_way_is_waited_for() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let made = world.done("backup", backup()).await;
    let restore =
        effect("restore", Kind::RestoreVolume { service: named("redis"), backup_of: label() });
    let one = One::resting_on(&restore, &made);
    let intent = world.intend(&one).await;
    let fate = world.settle(&one, &intent).await;
    assert!(matches!(&fate, Fate::CannotTell(why) if why.contains("was the restore begun")));
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)));
    let fate = world.settle(&one, &intent).await;
    assert!(matches!(fate, Fate::Happened(_)), "{fate:?}");
    assert_eq!(world.count("volumeInstanceBackupRestore"), 1);
}

#[tokio::test]
async fn a_backup_that_was_made_twice_serves_as_one() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let first = world.done("backup", backup()).await;
    let second = world.done("backup", backup()).await;
    assert_eq!(text_of(&first, "backup"), text_of(&second, "backup"));
    assert_eq!(world.count("volumeInstanceBackupCreate"), 2);
}
