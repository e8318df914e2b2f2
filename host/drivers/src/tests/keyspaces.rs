use lockstep_engine::model::{DeploySource, Failure, Keyspace, Kind, Read, Reading};
use lockstep_lab::Stack;
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd, pipe};

use super::world::{World, listening, named};

pub(super) async fn connect(world: &World) -> MultiplexedConnection {
    let variables = world.lab.variables("redis").unwrap();
    let (password, host) = (&variables["REDIS_PASSWORD"], world.lab.address("redis").unwrap());
    let client = Client::open(format!("redis://:{password}@{host}:6379/")).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Every type, small and large, in two databases.
async fn fill(connection: &mut MultiplexedConnection) {
    let mut all = pipe();
    for index in 0..2500_u32 {
        all.cmd("SET").arg(format!("s{index}")).arg(format!("value {index}")).ignore();
        all.cmd("SADD").arg("large-set").arg(format!("m{index}")).ignore();
        all.cmd("HSET").arg("large-hash").arg(format!("f{index}")).arg(index).ignore();
        all.cmd("RPUSH").arg("large-list").arg(index).ignore();
        all.cmd("ZADD")
            .arg("large-zset")
            .arg(f64::from(index) / 7.0)
            .arg(format!("z{index}"))
            .ignore();
    }
    all.cmd("SET").arg("big").arg("x".repeat(200_000)).ignore();
    all.cmd("SADD").arg("ints").arg(&[3, 1, 2]).ignore();
    all.cmd("HSET").arg("small-hash").arg(&["a", "1", "b", "2"]).ignore();
    all.cmd("ZADD").arg("zset").arg(&["0.1", "a", "3", "b", "inf", "c", "-1e300", "d"]).ignore();
    all.cmd("XADD").arg("stream").arg("1-1").arg(&["f", "v"]).ignore();
    all.cmd("XADD").arg("stream").arg("2-1").arg(&["f", "w", "g", "x"]).ignore();
    all.cmd("XGROUP").arg(&["CREATE", "stream", "workers", "1-1"]).ignore();
    all.cmd("PFADD").arg("hll").arg(&["a", "b", "c"]).ignore();
    all.cmd("SET").arg(&["soon", "1", "EX", "100000"]).ignore();
    all.cmd("SELECT").arg(3).ignore();
    all.cmd("SET").arg(&["s1", "in another database"]).ignore();
    all.cmd("SELECT").arg(0).ignore();
    all.exec_async(connection).await.unwrap();
}

/// Looks as soon as the server has loaded its data.
async fn look(world: &World, sample: u32) -> Keyspace {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match world.read(Read::Keyspace("cache".to_owned(), sample, true)).await {
            Ok(Reading::Keyspace(keyspace)) => return keyspace,
            Err(Failure::Transient(problem)) if tokio::time::Instant::now() < deadline => {
                assert_eq!(problem.code, "redis:loading");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_same_data_looks_the_same_before_and_after_an_upgrade() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let mut connection = connect(&world).await;
    fill(&mut connection).await;
    let before = look(&world, 100).await;
    let kinds: Vec<(&str, u64)> =
        before.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(
        kinds,
        [("hash", 2), ("list", 1), ("set", 2), ("stream", 1), ("string", 2504), ("zset", 2)]
    );
    assert_eq!((before.keys, before.expiring, before.sample.len()), (2512, 1, 100));
    assert!(before.sample.is_sorted_by(|one, other| one.id < other.id));
    assert_eq!(before, {
        let mut again = look(&world, 100).await;
        again.sample.iter_mut().zip(&before.sample).for_each(|(a, b)| a.ttl = b.ttl);
        again
    });
    let () = cmd("SAVE").query_async(&mut connection).await.unwrap();
    world
        .done("image", Kind::SetImage { service: named("redis"), image: "redis:7.0.15".to_owned() })
        .await;
    world
        .done("deploy", Kind::Deploy { service: named("redis"), source: DeploySource::Configured })
        .await;
    listening(&world.lab, "redis", 6379).await;
    let mut after = look(&world, 100).await;
    for (found, expected) in after.sample.iter_mut().zip(&before.sample) {
        found.ttl = expected.ttl;
    }
    assert_eq!(after, before);
    let mut connection = connect(&world).await;
    let () = cmd("HSET").arg(&["small-hash", "b", "3"]).query_async(&mut connection).await.unwrap();
    assert_ne!(look(&world, 0).await.content, before.content);
    let () = cmd("HSET").arg(&["small-hash", "b", "2"]).query_async(&mut connection).await.unwrap();
    assert_eq!(look(&world, 0).await.content, before.content);
}

#[tokio::test]
async fn an_encoding_does_not_change_a_hash_and_a_sample_has_a_limit() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let mut connection = connect(&world).await;
    let () = cmd("SADD").arg(&["s", "1", "2", "3"]).query_async(&mut connection).await.unwrap();
    let () = cmd("HSET").arg(&["h", "a", "1"]).query_async(&mut connection).await.unwrap();
    let small = look(&world, 10).await;
    // A member that is not a number, or a long field, changes the encoding for good.
    let () = cmd("SADD").arg(&["s", "word"]).query_async(&mut connection).await.unwrap();
    let () = cmd("SREM").arg(&["s", "word"]).query_async(&mut connection).await.unwrap();
    let () = cmd("HSET")
        .arg("h")
        .arg("b")
        .arg("x".repeat(1000))
        .query_async(&mut connection)
        .await
        .unwrap();
    let () = cmd("HDEL").arg(&["h", "b"]).query_async(&mut connection).await.unwrap();
    let encoding: String =
        cmd("OBJECT").arg(&["ENCODING", "s"]).query_async(&mut connection).await.unwrap();
    assert_ne!(encoding, "intset");
    assert_eq!(look(&world, 10).await, small);
    assert!(world.read(Read::Keyspace("cache".to_owned(), 501, false)).await.is_err());
}

/// Makes keys of one name come, go and change their type for as long as it is polled.
async fn churn(mut connection: MultiplexedConnection) {
    loop {
        for name in ["a", "b", "c", "d"] {
            let mut all = pipe();
            all.cmd("XADD").arg(&[name, "*", "f", "v"]).ignore();
            all.cmd("DEL").arg(name).ignore();
            all.cmd("RPUSH").arg(&[name, "1", "2"]).ignore();
            all.cmd("DEL").arg(name).ignore();
            all.cmd("SET").arg(&[name, "x", "PX", "1"]).ignore();
            all.cmd("DEL").arg(name).ignore();
            all.cmd("XADD").arg(&[name, "*", "f", "v"]).ignore();
            // One after the other, so that a look may come in between any two.
            for command in all.cmd_iter() {
                let () = command.query_async(&mut connection).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn keys_that_come_go_and_change_their_type_disturb_no_look() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let mut connection = connect(&world).await;
    let () = cmd("SET").arg(&["stays", "1"]).query_async(&mut connection).await.unwrap();
    let looks = async {
        for _ in 0..200 {
            let found = look(&world, 10).await;
            assert!(found.keys >= 1 && !found.sample.is_empty(), "{found:?}");
            let forever = found.sample.iter().filter(|print| print.ttl.is_none()).count();
            assert!(forever >= 1, "{found:?}");
        }
    };
    tokio::select! {
        () = churn(connection) => {}
        () = looks => {}
    }
}
