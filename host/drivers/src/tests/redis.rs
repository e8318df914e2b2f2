use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Effect, Failure, Kind, Node, Piece, Proof, Read, Reading, Value};
use lockstep_lab::Stack;

use super::keyspaces::connect;
use super::world::{One, World, effect, named};
use crate::settings::{OperatorSecret, Place};

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn command(label: &str, line: &str, proof: Proof) -> Effect {
    let words = line.split(' ').map(|word| vec![Piece::Text(word.to_owned())]).collect();
    let mut effect = effect(label, Kind::RedisCommand { connection: "cache".to_owned(), words });
    effect.proof = proof;
    effect
}

#[tokio::test]
async fn a_denied_command_does_not_reach_the_server_and_an_effect_does() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let read = async |line: &str| world.read(Read::Redis("cache".to_owned(), words(line))).await;
    let set = command("set", "SET kept 1", Proof::Read("EXISTS kept".to_owned()));
    let one = One::of(&set);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    for line in ["FLUSHALL", "EVAL_RO return 0", "CONFIG GET requirepass", "KEYS *", "DEL kept"] {
        let error = read(line).await.unwrap_err();
        assert!(
            matches!(&error, Failure::Denied(problem) if problem.message.contains(line.split(' ').next().unwrap())),
            "{error}"
        );
    }
    assert_eq!(read("GET kept").await.unwrap(), Reading::Redis(vec![Node::Text(b"1".to_vec())]));
    assert_eq!(read("DBSIZE").await.unwrap(), Reading::Redis(vec![Node::Integer(1)]));
    let Reading::Redis(config) = read("config get maxmemory-policy").await.unwrap() else {
        panic!()
    };
    assert_eq!(config.len(), 3);
    let error = read("LLEN kept").await.unwrap_err();
    assert_eq!(error.problem().code, "redis:wrongtype");
}

#[tokio::test]
async fn a_connection_that_a_process_that_was_followed_still_has_is_ended() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let set = command("set", "SET kept 1", Proof::Repeatable);
    let one = One::of(&set);
    let [mut left, mut others] = [connect(&world).await, connect(&world).await];
    let called = format!("lockstep:{}", one.order().marker);
    let name = |called: &str| redis::cmd("CLIENT").arg("SETNAME").arg(called).to_owned();
    name(&called).exec_async(&mut left).await.unwrap();
    name(&format!("{called}-of-another")).exec_async(&mut others).await.unwrap();
    world.drivers.cut_off(&one.order()).await.unwrap();
    assert!(redis::cmd("SET").arg("late").arg(1).exec_async(&mut left).await.is_err());
    redis::cmd("PING").exec_async(&mut others).await.unwrap();
}

#[tokio::test]
async fn an_effect_of_a_connections_own_commands_is_denied() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    for line in ["MULTI", "monitor", "CLIENT REPLY OFF", "AUTH x"] {
        let effect = command("one", line, Proof::Ask);
        let one = One::of(&effect);
        let intent = world.intend(&one).await;
        assert!(
            matches!(world.send(&one, &intent).await, Sent::Refused(Failure::Denied(_))),
            "{line}"
        );
        let Fate::CannotTell(question) = world.settle(&one, &intent).await else { panic!() };
        assert!(question.contains("`cache`"), "{question}");
    }
}

#[tokio::test]
async fn a_stored_secret_is_not_read_back() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let secret = world.lab.variables("redis").unwrap()["REDIS_PASSWORD"].clone();
    let plain = Kind::RedisCommand {
        connection: "cache".to_owned(),
        words: vec![
            vec![Piece::Text("SET".to_owned())],
            vec![Piece::Text("k".to_owned())],
            vec![Piece::Reference(named("redis"), "REDIS_PASSWORD".to_owned())],
        ],
    };
    let effect = effect("leak", plain);
    let one = One::of(&effect);
    let intent = world.intend(&one).await;
    assert!(matches!(world.send(&one, &intent).await, Sent::Refused(Failure::Denied(_))));
    // Even one that somebody else stored does not come back.
    world
        .carry_out(&One::of(&command("set", &format!("SET k x{secret}x"), Proof::Repeatable)))
        .await
        .unwrap();
    let found = world.read(Read::Redis("cache".to_owned(), words("GET k"))).await.unwrap();
    assert_eq!(found, Reading::Redis(vec![Node::Text(b"x[secret]x".to_vec())]));
}

#[tokio::test]
async fn a_named_secret_goes_only_to_its_places() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let drivers = world
        .open(|settings| {
            let places = vec![Place::Redis("cache".to_owned())];
            settings.secrets.insert(
                "link".to_owned(),
                OperatorSecret { value: "link-secret-1".into(), places },
            );
        })
        .await;
    let kind = |name: &str| Kind::RedisCommand {
        connection: "cache".to_owned(),
        words: [
            name.split(' ').map(|word| vec![Piece::Text(word.to_owned())]).collect(),
            vec![vec![Piece::Secret("link".to_owned())]],
        ]
        .concat(),
    };
    let right = effect("right", kind("CONFIG SET masterauth"));
    let one = One::of(&right);
    let intent = world.intend(&one).await;
    assert!(matches!(drivers.perform(&one.order(), &intent).await, Sent::Done(_)));
    let wrong = effect("wrong", kind("SET k"));
    let one = One::of(&wrong);
    assert!(matches!(
        drivers.perform(&one.order(), &intent).await,
        Sent::Refused(Failure::Denied(_))
    ));
    assert_eq!(drivers.redactor().text("link-secret-1"), "[secret]");
}

#[tokio::test]
async fn an_argument_is_one_word_whatever_it_holds() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let kind = Kind::RedisCommand {
        connection: "cache".to_owned(),
        words: vec![
            vec![Piece::Text("SET".to_owned())],
            vec![Piece::Text("k".to_owned())],
            vec![Piece::Argument("value".to_owned())],
        ],
    };
    let effect = effect("set", kind);
    let value = "a b\r\nFLUSHALL\r\n";
    world.carry_out(&One::of(&effect).with("value", Value::Text(value.to_owned()))).await.unwrap();
    let found = world.read(Read::Redis("cache".to_owned(), words("GET k"))).await.unwrap();
    assert_eq!(found, Reading::Redis(vec![Node::Text(value.as_bytes().to_vec())]));
}

#[tokio::test]
async fn a_save_that_the_server_has_just_begun_by_itself_is_the_save_that_was_wanted() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let mut connection = connect(&world).await;
    let mut talk = async |line: &str| {
        let mut words = line.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        let () = command.query_async(&mut connection).await.unwrap();
    };
    talk("SET kept 1").await;
    // Each key takes ten seconds, so that the save is still under way when it is asked for again.
    talk("CONFIG SET rdb-key-save-delay 10000000").await;
    talk("BGSAVE").await;
    talk("CONFIG SET rdb-key-save-delay 0").await;
    let save = command("save", "BGSAVE SCHEDULE", Proof::Repeatable);
    let one = One::of(&save);
    let intent = world.intend(&one).await;
    let sent = world.send(&one, &intent).await;
    assert!(matches!(&sent, Sent::Done(_)), "{sent:?}");
    let other = command("other", "BGREWRITEAOF now", Proof::Repeatable);
    let one = One::of(&other);
    let intent = world.intend(&one).await;
    assert!(matches!(world.send(&one, &intent).await, Sent::Refused(_)));
}
