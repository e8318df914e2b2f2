use std::time::Duration;

use lockstep_engine::model::{BITS, Canary, CanaryTally, Moment, Numbers, Placed};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;

use super::keyspaces::connect;
use super::queries::{admin, admin_of};
use super::world::{World, now};
use crate::settings::Connection;

/// How often it is looked whether more were written.
const LOOK: Duration = Duration::from_millis(20);

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

const PLACE: &str =
    "CREATE SCHEMA lockstep; CREATE TABLE lockstep.canary (number bigint PRIMARY KEY)";

/// How many sessions wait for a lock on a table.
const WAITS: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'";

const SEAL: &str = "ALTER DATABASE litellm_langfuse SET default_transaction_read_only = on";

const LIFT: &str = "ALTER DATABASE litellm_langfuse RESET default_transaction_read_only";

const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockstep:canary'";

fn rows() -> Canary {
    Canary::Rows("main".to_owned())
}

fn bits() -> Canary {
    Canary::Bits("cache".to_owned())
}

/// Returns a canary at its own place.
fn at_home(canary: &Canary) -> Vec<Placed> {
    vec![Placed { canary: canary.clone(), place: canary.clone() }]
}

/// Does `act` while canaries are written.
async fn beside<T>(world: &World, act: impl Future<Output = T>) -> T {
    tokio::select! {
        done = act => done,
        never = world.drivers.keep_canaries() => match never {},
    }
}

/// Adds what became of one kind to `known`.
fn add(world: &World, canary: &Canary, known: &mut CanaryTally) {
    for (found, tally) in world.drivers.tallies() {
        if found == *canary {
            known.acknowledged.extend(&tally.acknowledged);
            known.refused += tally.refused;
            known.gaps.extend(tally.gaps);
        }
    }
}

/// Waits until what became of one kind is as wanted.
async fn until(
    world: &World,
    canary: &Canary,
    known: &mut CanaryTally,
    wanted: impl Fn(&CanaryTally) -> bool,
) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !wanted(known) {
        assert!(tokio::time::Instant::now() < deadline, "{known:?}");
        tokio::time::sleep(LOOK).await;
        add(world, canary, known);
    }
}

async fn missing(world: &World, canary: &Canary, known: &CanaryTally) -> Numbers {
    world.drivers.missing(canary, &known.acknowledged).await.unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_looked_for_in_postgresql() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute(PLACE).await.unwrap();
    world.drivers.begin_canaries(at_home(&rows()), now()());
    let mut known = CanaryTally::default();
    beside(&world, async {
        until(&world, &rows(), &mut known, |known| known.acknowledged.count() >= 3).await;
        assert!(missing(&world, &rows(), &known).await.is_empty());
        let numbers: Vec<u64> = known.acknowledged.iter().collect();
        let gone = i64::try_from(numbers[1]).unwrap();
        admin.execute("DELETE FROM lockstep.canary WHERE number = $1", &[&gone]).await.unwrap();
        assert_eq!(missing(&world, &rows(), &known).await, [numbers[1]].into_iter().collect());
        world.drivers.end_canaries().await;
    })
    .await;
    add(&world, &rows(), &mut known);
    let count = "SELECT count(*) FROM lockstep.canary";
    let stands: i64 = admin.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(
        stands + 1,
        i64::try_from(known.acknowledged.count()).unwrap(),
        "each is in the book"
    );
    admin.batch_execute("DROP TABLE lockstep.canary").await.unwrap();
    assert_eq!(
        missing(&world, &rows(), &known).await,
        known.acknowledged,
        "without a table all are gone"
    );
}

#[tokio::test]
async fn a_lock_that_writers_wait_for_is_an_outage_without_a_loss() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute(PLACE).await.unwrap();
    world.drivers.begin_canaries(at_home(&rows()), now()());
    let mut known = CanaryTally::default();
    beside(&world, async {
        until(&world, &rows(), &mut known, |known| !known.acknowledged.is_empty()).await;
        let lock = "BEGIN; LOCK TABLE lockstep.canary IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT";
        admin.batch_execute(lock).await.unwrap();
        until(&world, &rows(), &mut known, |known| !known.gaps.is_empty()).await;
    })
    .await;
    assert_eq!(known.refused, 0);
    let length = known.gaps[0].length().0;
    assert!((500..PATIENCE.as_millis()).contains(&u128::from(length)), "{length} ms");
    assert!(missing(&world, &rows(), &known).await.is_empty());
}

#[tokio::test]
async fn what_was_acknowledged_is_looked_for_in_redis_and_nobody_makes_its_place_again() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let mut admin = connect(&world).await;
    redis::cmd("SET").arg(BITS).arg("").exec_async(&mut admin).await.unwrap();
    // As if the run had begun a while ago.
    world.drivers.begin_canaries(at_home(&bits()), Moment(now()().0 - 90_000));
    let mut known = CanaryTally::default();
    beside(&world, async {
        until(&world, &bits(), &mut known, |known| known.acknowledged.count() >= 3).await;
        let first = known.acknowledged.iter().next().unwrap();
        assert!(first >= 90, "numbered by the time since then: {first}");
        assert!(missing(&world, &bits(), &known).await.is_empty());
        redis::cmd("SETBIT").arg(BITS).arg(first).arg(0).exec_async(&mut admin).await.unwrap();
        assert_eq!(missing(&world, &bits(), &known).await, [first].into_iter().collect());
        redis::cmd("DEL").arg(BITS).exec_async(&mut admin).await.unwrap();
        until(&world, &bits(), &mut known, |known| known.refused >= 1).await;
        assert_eq!(missing(&world, &bits(), &known).await, known.acknowledged);
    })
    .await;
    let exists: bool = redis::cmd("EXISTS").arg(BITS).query_async(&mut admin).await.unwrap();
    assert!(!exists, "who comes late leaves nothing behind");
}

#[tokio::test]
async fn a_canary_that_is_led_elsewhere_while_it_waits_is_counted_there_and_nowhere_else() {
    let mut world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute(PLACE).await.unwrap();
    admin.batch_execute("CREATE DATABASE copy TEMPLATE template0").await.unwrap();
    let copy = admin_of(&world, "copy").await;
    copy.batch_execute(PLACE).await.unwrap();
    world.drivers = world
        .open(|settings| {
            let main = settings.connections["main"].clone();
            let database = Some("copy".to_owned());
            let (variable, user) = ("POSTGRES_PASSWORD".to_owned(), Some("postgres".to_owned()));
            let copy = Connection { variable, user, database, ..main };
            settings.connections.insert("copy".to_owned(), copy);
        })
        .await;
    let (elsewhere, mut known) = (Canary::Rows("copy".to_owned()), CanaryTally::default());
    let mut before = Numbers::default();
    world.drivers.begin_canaries(at_home(&rows()), now()());
    beside(&world, async {
        until(&world, &rows(), &mut known, |known| known.acknowledged.count() >= 2).await;
        admin.batch_execute("BEGIN; LOCK TABLE lockstep.canary IN SHARE MODE").await.unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while copy.query_one(WAITS, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(tokio::time::Instant::now() < deadline, "no canary waits for the lock");
            tokio::time::sleep(LOOK).await;
        }
        add(&world, &rows(), &mut known);
        before = known.acknowledged.clone();
        let placed = Placed { canary: rows(), place: elsewhere.clone() };
        world.drivers.begin_canaries(vec![placed], now()());
        until(&world, &rows(), &mut known, |known| {
            known.acknowledged.count() >= before.count() + 2
        })
        .await;
        admin.batch_execute("COMMIT").await.unwrap();
        world.drivers.end_canaries().await;
    })
    .await;
    add(&world, &rows(), &mut known);
    let after = known.acknowledged.without(&before);
    assert_eq!(known.refused, 1, "the one that waited");
    let since = before.iter().max().unwrap();
    assert!(after.iter().all(|number| number > since), "no number is taken twice");
    assert!(!known.gaps.is_empty(), "the wait is told");
    let missing = async |place: &Canary, numbers| world.drivers.missing(place, numbers).await;
    assert_eq!(missing(&rows(), &before).await.unwrap(), Numbers::default());
    assert_eq!(missing(&elsewhere, &after).await.unwrap(), Numbers::default());
    assert_eq!(missing(&rows(), &after).await.unwrap(), after, "none of them at the former place");
}

#[tokio::test]
async fn a_database_that_is_sealed_takes_no_canary_though_it_takes_what_the_run_does() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let admin = admin(&world).await;
    admin.batch_execute(PLACE).await.unwrap();
    world.drivers.begin_canaries(at_home(&rows()), now()());
    let mut known = CanaryTally::default();
    beside(&world, async {
        until(&world, &rows(), &mut known, |known| !known.acknowledged.is_empty()).await;
        admin.batch_execute(SEAL).await.unwrap();
        admin.execute(END, &[]).await.unwrap();
        until(&world, &rows(), &mut known, |known| known.refused >= 2).await;
        let sealed = known.acknowledged.count();
        assert!(missing(&world, &rows(), &known).await.is_empty(), "they can be looked for");
        until(&world, &rows(), &mut known, |known| known.refused >= 4).await;
        assert_eq!(known.acknowledged.count(), sealed, "none of them is written");
        admin.batch_execute(LIFT).await.unwrap();
        until(&world, &rows(), &mut known, |known| known.acknowledged.count() > sealed).await;
    })
    .await;
    assert!(missing(&world, &rows(), &known).await.is_empty());
}
