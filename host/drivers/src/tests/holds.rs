use std::time::Duration;

use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Effect, Failure, Kind, Millis, Value};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::queries::admin;
use super::world::{One, World, effect, now};
use crate::Drivers;

const LONG: Millis = Millis::seconds(60);

fn hold(schemas: &[&str], lock_timeout: u64) -> Effect {
    let schemas = schemas.iter().map(|schema| (*schema).to_owned()).collect();
    let (connection, lock_timeout) = ("main".to_owned(), Millis(lock_timeout));
    effect("hold", Kind::HoldWrites { connection, schemas, max_outage: LONG, lock_timeout })
}

fn release() -> Effect {
    let kind = Kind::ReleaseWrites { connection: "main".to_owned(), hold: "hold".parse().unwrap() };
    effect("release", kind)
}

/// The effect in a section that may take so long from now.
fn within(effect: &Effect, left: Millis) -> One<'_> {
    One { deadline: Some(now()().plus(left)), ..One::of(effect) }
}

fn back(effect: &Effect) -> One<'_> {
    One { undo: true, ..One::of(effect) }
}

#[track_caller]
fn is_refused(sent: &Sent, code: &str) {
    let Sent::Refused(failure) = sent else { panic!("{sent:?}") };
    assert_eq!(failure.problem().code, code, "{failure}");
}

async fn with_tables() -> (World, Client) {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin
        .batch_execute(
            "CREATE TABLE t(id int); CREATE TABLE \"T 2\"(id int); CREATE VIEW v AS SELECT 1",
        )
        .await
        .unwrap();
    (world, admin)
}

/// Begins a write that waits while writes are blocked, and returns it once it waits. It gives the server's time at its end in
/// milliseconds since 1970.
async fn waiting_writer(world: &World, admin: &Client) -> JoinHandle<u64> {
    let client = super::queries::admin(world).await;
    let write = tokio::spawn(async move {
        let insert = "INSERT INTO t VALUES (1) RETURNING (1000 * EXTRACT(EPOCH FROM clock_timestamp()))::int8";
        let at: i64 = client.query_one(insert, &[]).await.unwrap().get(0);
        u64::try_from(at).unwrap()
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass";
    while admin.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(!write.is_finished(), "a write did not wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    write
}

/// Looks until a count is not zero.
async fn until(admin: &Client, count: &str) {
    let looks = async {
        while admin.query_one(count, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let looked = tokio::time::timeout(Duration::from_mins(1), looks).await;
    looked.unwrap_or_else(|_| panic!("nothing came of `{count}` in a minute"));
}

async fn rows(admin: &Client) -> i64 {
    admin.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

/// Sends an effect by other drivers than the world's.
async fn send_by(drivers: &Drivers, world: &World, one: &One<'_>) -> Sent {
    let intent = world.intend(one).await;
    drivers.perform(&one.order(), &intent).await
}

#[tokio::test]
async fn writers_wait_without_an_error_and_readers_go_on_until_the_release() {
    let (world, admin) = with_tables().await;
    let (hold, release) = (hold(&["public"], 2_000), release());
    let one = within(&hold, LONG);
    let intent = world.intend(&one).await;
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    let Sent::Done(facts) = world.send(&one, &intent).await else { panic!() };
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = admin.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(facts[0].rows, [[Value::Integer(tables)]]);
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));

    let writer = waiting_writer(&world, &admin).await;
    assert_eq!(rows(&admin).await, 0, "reads go on");
    world.carry_out(&One::of(&release)).await.unwrap();
    writer.await.unwrap();
    assert_eq!(rows(&admin).await, 1);
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot, "it does not stand any more");

    // Once lifted, it can't be lifted on the way there; on the way back that is what was wanted.
    let intent = world.intend(&One::of(&release)).await;
    is_refused(&world.send(&One::of(&release), &intent).await, "sql:lifted");
    assert_eq!(world.settle(&One::of(&release), &intent).await, Fate::DidNot);
    assert!(matches!(world.send(&back(&release), &intent).await, Sent::Done(_)));
    assert_eq!(world.settle(&back(&release), &intent).await, Fate::Happened(Vec::new()));
}

#[tokio::test]
async fn the_server_lifts_a_block_at_the_deadline_when_its_holder_falls_silent() {
    let (world, admin) = with_tables().await;
    let (hold, release) = (hold(&["public"], 1_000), release());
    let one = within(&hold, Millis::seconds(2));
    let intent = world.intend(&one).await;
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)));
    let writer = waiting_writer(&world, &admin).await;
    // Nobody releases it, and it stands until the deadline: the server counts whole milliseconds.
    let (done, deadline) = (writer.await.unwrap(), one.deadline.unwrap());
    assert!(done >= deadline.0 - 2, "lifted {} ms before the deadline", deadline.0 - done);
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    let intent = world.intend(&One::of(&release)).await;
    is_refused(&world.send(&One::of(&release), &intent).await, "sql:lifted");
    assert!(matches!(world.send(&back(&release), &intent).await, Sent::Done(_)));
    // After the deadline nothing is blocked at all.
    let late = within(&hold, Millis(0));
    let intent = world.intend(&late).await;
    is_refused(&world.send(&late, &intent).await, "sql:overdue");
    assert_eq!(world.settle(&late, &intent).await, Fate::DidNot);
}

#[tokio::test]
async fn a_block_of_another_process_is_found_ended_and_gone_with_it() {
    let (world, admin) = with_tables().await;
    let (hold, release) = (hold(&["public"], 2_000), release());
    let one = within(&hold, LONG);
    let other = world.open(|_| {}).await;
    let intent = world.intend(&one).await;
    assert!(matches!(other.perform(&one.order(), &intent).await, Sent::Done(_)));
    assert_eq!(world.settle(&one, &intent).await, Fate::Happened(Vec::new()));
    let writer = waiting_writer(&world, &admin).await;
    world.carry_out(&One::of(&release)).await.unwrap();
    writer.await.unwrap();
    // Its own process learns that by lifting it.
    is_refused(&send_by(&other, &world, &One::of(&release)).await, "sql:lifted");

    assert!(matches!(send_by(&other, &world, &one).await, Sent::Done(_)));
    let writer = waiting_writer(&world, &admin).await;
    drop(other);
    writer.await.unwrap();
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);

    // Who leaves a run lets go of what it holds.
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)));
    let writer = waiting_writer(&world, &admin).await;
    world.drivers.let_go().await;
    writer.await.unwrap();
    assert_eq!(rows(&admin).await, 3);
}

#[tokio::test]
async fn what_can_not_be_locked_in_time_is_not_blocked_at_all() {
    let (world, admin) = with_tables().await;
    let holder = super::queries::admin(&world).await;
    holder.batch_execute("BEGIN; INSERT INTO \"T 2\" VALUES (1)").await.unwrap();
    let blocked = hold(&["public"], 100);
    let one = within(&blocked, LONG);
    let intent = world.intend(&one).await;
    let sent = world.send(&one, &intent).await;
    assert!(matches!(&sent, Sent::Refused(Failure::Transient(_))), "{sent:?}");
    is_refused(&sent, "sql:55P03");
    assert_eq!(world.settle(&one, &intent).await, Fate::DidNot);
    admin.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    holder.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(world.send(&one, &intent).await, Sent::Done(_)), "it may be tried again");
    world.carry_out(&back(&release())).await.unwrap();

    admin.batch_execute("CREATE SCHEMA empty").await.unwrap();
    for (schemas, code) in
        [(["public", "ghost"], "sql:no-schema"), (["empty", "empty"], "sql:no-table")]
    {
        let unknown = hold(&schemas, 100);
        let one = within(&unknown, LONG);
        let intent = world.intend(&one).await;
        is_refused(&world.send(&one, &intent).await, code);
    }
}

#[tokio::test]
async fn a_writer_that_locks_in_another_order_is_let_go_on_and_none_of_it_fails() {
    let (world, watching) = with_tables().await;
    let writer = admin(&world).await;
    writer.batch_execute("BEGIN; INSERT INTO \"T 2\" VALUES (1)").await.unwrap();
    let (hold, release) = (hold(&["public"], 2_000), release());
    let one = within(&hold, LONG);
    let intent = world.intend(&one).await;
    let second = async {
        let waits =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '\"T 2\"'::regclass";
        until(&watching, waits).await;
        // Who waits for it must not hold what it locks next.
        writer.batch_execute("INSERT INTO t VALUES (1); COMMIT").await
    };
    let (sent, written) = tokio::join!(world.send(&one, &intent), second);
    written.unwrap();
    assert!(matches!(sent, Sent::Done(_)), "{sent:?}");
    assert_eq!(rows(&watching).await, 1);
    world.carry_out(&One::of(&release)).await.unwrap();
}

#[tokio::test]
async fn autovacuum_is_not_waited_for() {
    let (world, admin) = with_tables().await;
    for statement in [
        // The server itself would end it only then.
        "ALTER SYSTEM SET deadlock_timeout = '1min'",
        "ALTER SYSTEM SET autovacuum_naptime = '1s'",
        "SELECT pg_reload_conf()",
        "ALTER TABLE t SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)",
        "INSERT INTO t SELECT generate_series(1, 100000)",
        "DELETE FROM t",
    ] {
        admin.batch_execute(statement).await.unwrap();
    }
    let vacuums = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass";
    until(&admin, vacuums).await;
    let (hold, release) = (hold(&["public"], 2_000), release());
    let one = within(&hold, LONG);
    let intent = world.intend(&one).await;
    let sent = world.send(&one, &intent).await;
    assert!(matches!(sent, Sent::Done(_)), "{sent:?}");
    world.carry_out(&One::of(&release)).await.unwrap();
}
