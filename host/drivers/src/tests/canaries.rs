use std::time::Duration;

use lockstep_engine::model::{BITS, Canary, CanaryTally, Moment, Numbers};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;

use super::keyspaces::connect;
use super::queries::admin;
use super::world::{World, now};

/// How often it is looked whether more were written.
const LOOK: Duration = Duration::from_millis(20);

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

const PLACE: &str =
    "CREATE SCHEMA lockstep; CREATE TABLE lockstep.canary (number bigint PRIMARY KEY)";

fn rows() -> Canary {
    Canary::Rows("main".to_owned())
}

fn bits() -> Canary {
    Canary::Bits("cache".to_owned())
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
    world.drivers.begin_canaries(vec![rows()], now()());
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
    world.drivers.begin_canaries(vec![rows()], now()());
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
    world.drivers.begin_canaries(vec![bits()], Moment(now()().0 - 90_000));
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
