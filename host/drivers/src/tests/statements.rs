use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{
    Affects, Atomicity, Effect, Failure, Kind, Millis, Piece, Proof, Statement, Value,
};
use lockstep_lab::Stack;

use super::queries::admin;
use super::world::{One, World, effect};

fn statement(text: &str, affects: Option<(u64, u64)>) -> Statement {
    let affects = affects.map(|(at_least, at_most)| Affects { at_least, at_most });
    Statement { text: vec![Piece::Text(text.to_owned())], parameters: Vec::new(), affects }
}

fn execute(statements: Vec<Statement>, atomicity: Atomicity) -> Effect {
    effect("sql", Kind::SqlExecute { connection: "main".to_owned(), statements, atomicity })
}

async fn rows(admin: &tokio_postgres::Client) -> i64 {
    admin.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_transaction_commits_whole_or_not_at_all_and_the_server_tells_which() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int)").await.unwrap();
    let insert = execute(
        vec![
            statement("INSERT INTO t SELECT generate_series(1, 3)", Some((3, 3))),
            statement("SELECT 7::bigint", None),
        ],
        Atomicity::Transaction,
    );
    let one = One::of(&insert);
    let intent = world.intend(&one).await;
    assert!(
        intent.before["xid"].is_some() && intent.before["timeline"].is_some(),
        "{:?}",
        intent.before
    );
    assert_eq!(world.drivers.find_out(&one.order(), &intent).await.unwrap(), Fate::StillGoing);
    let Sent::Done(facts) = world.send(&one, &intent).await else { panic!() };
    assert_eq!(facts[0].rows, [[Value::Integer(3)]]);
    assert_eq!(facts[2].rows, [[Value::Integer(7)]]);
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    assert_eq!(rows(&admin).await, 3);

    let too_many = execute(vec![statement("DELETE FROM t", Some((0, 1)))], Atomicity::Transaction);
    let one = One::of(&too_many);
    let intent = world.intend(&one).await;
    let Sent::Refused(failure) = world.send(&one, &intent).await else { panic!() };
    assert!(failure.to_string().contains("3 rows"), "{failure}");
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    assert_eq!(rows(&admin).await, 3);
}

#[tokio::test]
async fn a_session_that_dies_is_settled_by_the_transactions_number() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int)").await.unwrap();
    let insert = execute(vec![statement("INSERT INTO t VALUES (1)", None)], Atomicity::Transaction);
    let one = One::of(&insert);
    let intent = world.intend(&one).await;
    let ended: i64 = admin
        .query_one("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'lockstep:lockstep-run1-%'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(ended, 1);
    assert!(matches!(world.send(&one, &intent).await, Sent::Refused(Failure::Transient(_))));
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    // Another process knows the number from the journal alone.
    let drivers = world.open(|_| {}).await;
    assert_eq!(drivers.find_out(&one.order(), &intent).await.unwrap(), Fate::DidNot);
    // The number of another server's transaction proves nothing.
    let mut foreign = intent.clone();
    foreign.before.insert("system".to_owned(), Some("1".to_owned()));
    assert!(matches!(world.settle(&one, &foreign).await, Fate::CannotTell(_)));
    assert_eq!(rows(&admin).await, 0);
}

#[tokio::test]
async fn what_a_process_that_was_followed_still_has_open_never_commits() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int)").await.unwrap();
    let insert = execute(vec![statement("INSERT INTO t VALUES (1)", None)], Atomicity::Transaction);
    let one = One::of(&insert);
    let intent = world.intend(&one).await;
    let follower = world.open(|_| {}).await;
    follower.cut_off(&one.order()).await.unwrap();
    assert!(matches!(world.send(&one, &intent).await, Sent::Refused(Failure::Transient(_))));
    assert_eq!(follower.find_out(&one.order(), &intent).await.unwrap(), Fate::DidNot);
    assert_eq!(rows(&admin).await, 0);
}

#[tokio::test]
async fn a_statement_can_not_end_the_transaction_nor_hold_another() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int)").await.unwrap();
    for text in [
        "COMMIT",
        "INSERT INTO t VALUES (1); COMMIT; DROP TABLE t",
        "/* x */ COMMIT",
        "copy t from program 'id'",
    ] {
        let effect = execute(
            vec![statement("INSERT INTO t VALUES (1)", None), statement(text, None)],
            Atomicity::Transaction,
        );
        let one = One::of(&effect);
        let intent = world.intend(&one).await;
        assert!(matches!(world.send(&one, &intent).await, Sent::Refused(_)), "{text}");
        assert_eq!(world.settle(&one, &intent).await, Fate::DidNot, "{text}");
    }
    assert_eq!(rows(&admin).await, 0);
}

#[tokio::test]
async fn a_statement_alone_is_proven_by_a_read_and_parameters_are_bound() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int, word text)").await.unwrap();
    let mut index =
        execute(vec![statement("CREATE INDEX CONCURRENTLY ti ON t(id)", None)], Atomicity::Alone);
    index.proof =
        Proof::Read("SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'ti')".to_owned());
    let one = One::of(&index);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));

    let bound = Statement {
        parameters: vec!["word".to_owned()],
        ..statement("INSERT INTO t VALUES (1, $1) RETURNING id", None)
    };
    let insert = execute(vec![bound], Atomicity::Transaction);
    let evil = "'); DROP TABLE t; --";
    let facts = world
        .carry_out(&One::of(&insert).with("word", Value::Text(evil.to_owned())))
        .await
        .unwrap();
    assert_eq!(facts[1].rows, [[Value::Integer(1)]]);
    let stored: String = admin.query_one("SELECT word FROM t", &[]).await.unwrap().get(0);
    assert_eq!(stored, evil);
}

#[tokio::test]
async fn an_address_with_a_password_is_put_in_as_a_literal_and_does_not_come_back() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int, word text)").await.unwrap();
    let peer = lockstep_engine::model::Peer {
        connection: "main".to_owned(),
        seen_by: super::world::named("litellm"),
    };
    let text = vec![
        Piece::Text("INSERT INTO t VALUES (1, ".to_owned()),
        Piece::Conninfo(peer),
        Piece::Text(") RETURNING word".to_owned()),
    ];
    let insert = execute(
        vec![Statement { text, parameters: Vec::new(), affects: None }],
        Atomicity::Transaction,
    );
    let facts = world.carry_out(&One::of(&insert)).await.unwrap();
    let secret = world.lab.variables("postgres").unwrap()["POSTGRES_PASSWORD"].clone();
    assert!(!format!("{facts:?}").contains(&secret), "{facts:?}");
    let stored: String = admin.query_one("SELECT word FROM t", &[]).await.unwrap().get(0);
    let url: reqwest::Url = stored.parse().unwrap();
    let address = world.lab.address("postgres").unwrap().to_string();
    assert_eq!(
        (url.host_str(), url.port(), url.path()),
        (Some(address.as_str()), Some(5432), "/litellm%5Flangfuse")
    );
}

#[tokio::test]
async fn a_transaction_may_take_longer_than_its_intent_and_is_in_progress_until_then() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute("CREATE TABLE t(id int)").await.unwrap();
    let slow = execute(
        vec![
            statement("INSERT INTO t VALUES (1)", Some((1, 1))),
            statement("SELECT pg_catalog.pg_sleep(2)", None),
        ],
        Atomicity::Transaction,
    );
    let one = One::of(&slow);
    let mut intent = world.intend(&one).await;
    intent.not_after = intent.begun.plus(Millis::seconds(1));
    let look = async {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while super::world::now()() <= intent.not_after {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        world.drivers.find_out(&one.order(), &intent).await.unwrap()
    };
    let (sent, meanwhile) = tokio::join!(world.send(&one, &intent), look);
    assert_eq!(meanwhile, Fate::StillGoing);
    assert!(matches!(sent, Sent::Done(_)), "{sent:?}");
    assert_eq!(rows(&admin).await, 1);
}
