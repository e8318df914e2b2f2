//! The cluster's primary is lost while the new side is watched.

use lockstep_tests::writers::Writers;

use super::Move;
use crate::far_side::poll;

#[test]
fn a_primary_that_is_lost_while_the_new_side_is_watched_loses_no_row_and_the_lost_way_back_is_told()
{
    let it = Move::begin();
    let writers = Writers::start(4, [&it.old, &it.new]);
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
