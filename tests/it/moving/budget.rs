//! A link that is left behind: the log that it holds back is bounded, so the database lives and the run goes back.

use lockstep_tests::writers::{LEISURE, Writers};
use lockstep_tests::{block_on, dial};

use super::Move;
use super::failover::{AFTER_THE_SOAK, QUICK};
use super::traps::run;
use crate::far_side::poll;

/// As little as a link may be allowed to hold back, in MB.
const BUDGET: &str = "[environments.lab.options.postgres-ha]\nwal-budget = \"64\"\n";

/// What the log of a server may take that keeps so little for links: what is kept without them comes on top.
const MOST: i64 = 256 << 20;

/// A slot that somebody made and nobody reads from.
const ABANDONED: &str = "SELECT pg_create_physical_replication_slot('abandoned', true)";

/// Lets a server write another segment of its log, and give up what is over the budget; returns whether it has given this
/// slot up.
fn has_given_up(url: &str, slot: &str) -> bool {
    block_on(async {
        let server = dial(url).await.unwrap();
        server
            .execute("SELECT pg_logical_emit_message(true, 'fill', repeat('x', 8000000))", &[])
            .await
            .unwrap();
        server.execute("SELECT pg_switch_wal()", &[]).await.unwrap();
        server.batch_execute("CHECKPOINT").await.unwrap();
        let lost = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1 AND wal_status = 'lost'";
        server.query_one(lost, &[&slot]).await.unwrap().get::<_, i64>(0) > 0
    })
}

/// Fails if a server's log takes more than it may.
#[track_caller]
fn log_is_bounded(url: &str) {
    let size = "SELECT sum(size)::int8 FROM pg_ls_waldir()";
    let size = block_on(async { dial(url).await.unwrap().query_one(size, &[]).await.unwrap() });
    assert!(size.get::<_, i64>(0) < MOST, "{} bytes", size.get::<_, i64>(0));
}

#[test]
fn slots_that_are_left_behind_are_given_up_before_they_fill_the_volume_and_the_run_goes_back() {
    let it = Move::begin();
    it.configure(BUDGET);
    run(&it.old, ABANDONED);
    let writers = Writers::start(2, [&it.old, &it.new], LEISURE);
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "indexes"];
    it.stage.lockstep(&apply).expect(10).says("`abandoned` holds back");
    run(&it.new, "ALTER SUBSCRIPTION lockstep_fwd DISABLE");
    poll(|| has_given_up(&it.old, "lockstep_fwd").then_some(()));
    poll(|| has_given_up(&it.old, "abandoned").then_some(()));
    log_is_bounded(&it.old);
    writers.have_written();

    it.stage.lockstep(&["resume", "--yes"]).expect(11).says("holds back");
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "nobody has been switched: {told:?}");
    told.is_all_in(&it.old);
    let left = block_on(async {
        let old = dial(&it.old).await.unwrap();
        old.query_one("SELECT string_agg(slot_name, ',') FROM pg_replication_slots", &[])
            .await
            .unwrap()
    });
    assert_eq!(left.get::<_, &str>(0), "abandoned", "the run's own slots are gone");
}

#[test]
fn the_way_back_is_given_up_before_it_fills_the_clusters_volume_and_the_cluster_goes_on() {
    let it = Move::begin();
    it.configure(&format!("{QUICK}{BUDGET}"));
    let writers = Writers::start(2, [&it.old, &it.new], LEISURE);
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    it.stage.lockstep(&apply).expect(10);
    run(&it.old, "BEGIN READ WRITE; ALTER SUBSCRIPTION lockstep_rev DISABLE; COMMIT");
    poll(|| has_given_up(&it.new, "lockstep_rev").then_some(()));
    log_is_bounded(&it.new);
    writers.have_written();

    let detached = it.stage.lockstep(&["resume", "--yes", "--detach"]).expect(10);
    detached.says("going back would lose what was written since").says("soaks after step");
    let on = ["resume", "--yes", "--clock-ahead", AFTER_THE_SOAK];
    it.stage.lockstep(&on).expect(0).says("is done");
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
    told.is_all_in(&it.new);
}
