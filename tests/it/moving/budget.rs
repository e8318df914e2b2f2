//! A link that is left behind: the log that it holds back is bounded, so the database lives and the run goes back.

use lockstep_tests::writers::{LEISURE, Writers};
use lockstep_tests::{block_on, dial};

use super::Move;
use super::traps::run;
use crate::far_side::poll;

/// As little as a link may be allowed to hold back, in MB.
const BUDGET: &str = "[environments.lab.options.postgres-ha]\nwal-budget = \"64\"\n";

impl Move {
    /// Lets the old server write another segment of its log, and give up what is over the budget; returns whether it has
    /// given the link up.
    fn has_given_up(&self) -> bool {
        block_on(async {
            let old = dial(&self.old).await.unwrap();
            old.execute("SELECT pg_logical_emit_message(true, 'fill', repeat('x', 8000000))", &[])
                .await
                .unwrap();
            old.execute("SELECT pg_switch_wal()", &[]).await.unwrap();
            old.batch_execute("CHECKPOINT").await.unwrap();
            let lost = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'lockstep_fwd' AND wal_status = 'lost'";
            old.query_one(lost, &[]).await.unwrap().get::<_, i64>(0) > 0
        })
    }
}

#[test]
fn a_link_that_is_left_behind_is_given_up_before_it_fills_the_volume_and_the_run_goes_back() {
    let it = Move::begin();
    it.configure(BUDGET);
    let writers = Writers::start(2, [&it.old, &it.new], LEISURE);
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "indexes"];
    it.stage.lockstep(&apply).expect(10);
    run(&it.new, "ALTER SUBSCRIPTION lockstep_fwd DISABLE");
    poll(|| it.has_given_up().then_some(()));
    writers.have_written();

    it.stage.lockstep(&["resume", "--yes"]).expect(11).says("holds back");
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "nobody has been switched: {told:?}");
    told.is_all_in(&it.old);
    let left = block_on(async {
        let old = dial(&it.old).await.unwrap();
        old.query_one("SELECT count(*) FROM pg_replication_slots", &[]).await.unwrap()
    });
    assert_eq!(left.get::<_, i64>(0), 0, "no slot is left behind");
}
