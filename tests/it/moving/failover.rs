//! The cluster's primary is lost while the new side is watched.

use lockstep_tests::writers::{LEISURE, Writers};

use super::Move;
use crate::far_side::poll;

/// Watches that judge within half a minute, which a failover does not take.
pub(super) const QUICK: &str = "[environments.lab.watches]\ngrace = \"0s\"\nunhealthy-after = \"30s\"\nwindow = \"1s\"\ntraffic = []\n";

/// What is kept in the server that the move stops at its end.
pub(super) const CANARIES: &str = "[environments.lab.canaries]\nrows = [\"postgres\"]\n";

/// Later than the end of the soak, in seconds.
pub(super) const AFTER_THE_SOAK: &str = "90000";

#[test]
fn a_primary_that_stays_down_is_told_and_the_move_goes_on_to_its_end() {
    let it = Move::begin();
    it.configure(&format!("{QUICK}{CANARIES}"));
    let writers = Writers::start(4, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    it.stage.lockstep(&apply).expect(10);
    let (mut watching, said) = it.stage.begin(&["resume", "--yes"]);
    poll(|| said().contains("soak").then_some(()));
    it.stage.lockstep(&["lab", "break", "kill", "pg-0"]).expect(0);
    poll(|| said().contains("✗ watch running:pg-0").then_some(()));
    writers.have_written();
    watching.kill().unwrap();
    watching.wait().unwrap();

    // This process sees the node down for as long as turns a run round where a service has no others.
    let ended = it.stage.lockstep(&["resume", "--yes", "--clock-ahead", AFTER_THE_SOAK]);
    ended.expect(0).says("is done").says("watch `running:pg-0` still fails");
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
    told.is_all_in(&it.new);
    let report = it.stage.lockstep(&["report", &it.stage.run()]).expect(0);
    assert!(report.out.contains("watch running:pg-0"), "{}", report.out);
    let old = it.stage.status().service("postgres").cloned().expect("it is only stopped");
    assert!(!old.serving, "{old:?}");
}

#[test]
fn a_way_back_that_was_lost_is_armed_anew_and_gone_and_loses_no_row() {
    let it = Move::begin();
    let writers = Writers::start(4, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    it.stage.lockstep(&apply).expect(10);
    writers.have_written();
    it.stage.lockstep(&["lab", "break", "kill", "pg-0"]).expect(0);
    writers.have_written();
    writers.told().is_all_in(&it.new);

    // The first answer is a question: what the old server has is given up for it.
    let asked = it.stage.lockstep(&["rollback", "--yes"]).expect(13);
    asked.says("going back would lose it").says("copies the old server anew");
    let still = writers.told();
    assert!(still.at.iter().all(|at| *at == 1), "nobody is kept from writing: {still:?}");
    it.stage.lockstep(&["resume", "--yes"]).expect(11);
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "every writer is back: {told:?}");
    told.is_all_in(&it.old);
}

#[test]
fn a_primary_that_is_lost_while_the_new_side_is_watched_loses_no_row_and_the_lost_way_back_is_told()
{
    let it = Move::begin();
    let writers = Writers::start(4, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    it.stage.lockstep(&apply).expect(10);
    let (mut watching, said) = it.stage.begin(&["resume", "--yes"]);
    poll(|| said().contains("soak").then_some(()));
    writers.have_written();

    it.stage.lockstep(&["lab", "break", "kill", "pg-0"]).expect(0);
    writers.have_written();
    writers.told().is_all_in(&it.new);
    poll(|| said().contains("going back would lose what was written since").then_some(()));
    assert_eq!(watching.try_wait().unwrap(), None, "it goes on watching: {}", said());
    watching.kill().unwrap();
    watching.wait().unwrap();

    // Going back now would lose rows, so it is left for a person, before anybody is kept from writing.
    it.stage.lockstep(&["rollback", "--yes"]).expect(13).says("going back would lose it");
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
    told.is_all_in(&it.new);
}
