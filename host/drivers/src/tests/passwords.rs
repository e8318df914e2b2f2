//! A password that has everything by which an address could be taken apart wrongly.

use lockstep_engine::journal::Sent;
use lockstep_engine::model::{
    Assignment, Atomicity, Effect, Kind, Peer, Piece, Read, Reading, Statement, Value,
};
use lockstep_lab::Stack;

use super::queries::{admin, admin_of};
use super::world::{One, World, effect, named};
use crate::settings::{Connection, ConnectionKind, Settings, Via};

const PASSWORD: &str = r#"'"\ %@:/?#&=+"#;

/// What the server itself dials when it subscribes: it asks the publisher for its tables, and fails where it is not let in.
fn subscribe(name: &str) -> Effect {
    let peer = Peer { connection: "far".to_owned(), seen_by: named("postgres") };
    let options = "connect = true, create_slot = false, enabled = false, copy_data = false";
    let text = vec![
        Piece::Text(format!("CREATE SUBSCRIPTION {name} CONNECTION ")),
        Piece::Conninfo(peer),
        Piece::Text(format!(" PUBLICATION p WITH ({options})")),
    ];
    let statements = vec![Statement { text, parameters: Vec::new(), affects: None }];
    let atomicity = Atomicity::Transaction;
    effect(name, Kind::SqlExecute { connection: "main".to_owned(), statements, atomicity })
}

#[tokio::test]
async fn a_server_is_reached_from_here_and_from_another_server_whatever_its_password_is() {
    let mut world = World::up(Stack::AsRun, &["postgres"]).await;
    let here = admin(&world).await;
    here.batch_execute("CREATE TABLE t(id int)").await.unwrap();
    here.batch_execute("CREATE DATABASE far").await.unwrap();
    let quoted = PASSWORD.replace('\'', "''");
    let role = format!("CREATE ROLE odd SUPERUSER LOGIN PASSWORD '{quoted}'");
    here.batch_execute(&role).await.unwrap();
    let far = admin_of(&world, "far").await;
    far.batch_execute("CREATE TABLE t(id int); CREATE PUBLICATION p FOR TABLE t").await.unwrap();
    let value = vec![Piece::Text(PASSWORD.to_owned())];
    let assignments = vec![Assignment { name: "ODD_PASSWORD".to_owned(), value }];
    world.done("odd", Kind::SetVariables { service: named("postgres"), assignments }).await;
    world.drivers = world
        .open(|settings: &mut Settings| {
            let connection = Connection {
                kind: ConnectionKind::Postgres,
                service: "postgres".to_owned(),
                nodes: Vec::new(),
                port: 5432,
                variable: "ODD_PASSWORD".to_owned(),
                user: Some("odd".to_owned()),
                database: Some("far".to_owned()),
                via: Via::Private,
            };
            settings.connections.insert("far".to_owned(), connection);
        })
        .await;

    let who = Read::Sql("far".to_owned(), "SELECT session_user::text".to_owned(), Vec::new());
    let Reading::Sql(rows) = world.read(who).await.unwrap() else { panic!() };
    assert_eq!(rows.rows, [[Value::Text("odd".to_owned())]]);
    world.carry_out(&One::of(&subscribe("link"))).await.unwrap();
    let followed = "SELECT count(*) FROM pg_subscription_rel WHERE srrelid = 't'::regclass";
    let followed: i64 = here.query_one(followed, &[]).await.unwrap().get(0);
    assert_eq!(followed, 1, "the publisher told which tables there are");

    // Whoever has another password is not let in, so it was by this one.
    here.batch_execute("ALTER ROLE odd PASSWORD 'another'").await.unwrap();
    let other = subscribe("other");
    let one = One::of(&other);
    let intent = world.intend(&one).await;
    let Sent::Refused(failure) = world.send(&one, &intent).await else { panic!() };
    let failure = failure.to_string();
    assert!(failure.contains("password authentication failed"), "{failure}");
    assert!(!failure.contains(PASSWORD), "{failure}");
}
