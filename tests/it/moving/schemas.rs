//! A schema that somebody changes while the database moves: the run stops or goes back, and names the object.

use lockstep_tests::writers::{LEISURE, Writers};

use super::Move;
use super::failover::{AFTER_THE_SOAK, QUICK};
use super::traps::run;
use crate::far_side::poll;

#[test]
fn a_table_that_somebody_changes_meanwhile_stops_the_run_until_it_is_as_it_was_or_accepted() {
    let it = Move::begin();
    it.configure(QUICK);
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "analyze"];
    it.stage.lockstep(&apply).expect(10);
    run(&it.old, "CREATE TABLE late(id int PRIMARY KEY)");
    let until = ["resume", "--yes", "--until", "prove"];
    let stopped = it.stage.lockstep(&until).expect(13);
    stopped.says("somebody else changed the schema").says("public.late");
    run(&it.old, "DROP TABLE late");
    it.stage.lockstep(&until).expect(10);

    // While the new side is watched it is the cluster's schema that counts.
    it.stage.lockstep(&["resume", "--yes", "--detach"]).expect(10).says("soaks after step");
    run(&it.new, "ALTER TABLE media ADD COLUMN late int");
    let on = ["resume", "--yes", "--clock-ahead", AFTER_THE_SOAK];
    let stopped = it.stage.lockstep(&on).expect(13);
    stopped.says("behind connection `cluster`").says("public.media");
    it.stage.lockstep(&on).expect(0).says("is done");
}

#[test]
fn a_table_that_somebody_changes_while_a_step_goes_on_is_found_by_the_comparison_and_nobody_is_switched()
 {
    let it = Move::begin();
    let writers = Writers::start(2, [&it.old, &it.new], LEISURE);
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "indexes"];
    it.stage.lockstep(&apply).expect(10);
    run(&it.new, "ALTER SUBSCRIPTION lockstep_fwd DISABLE");
    let (mut running, said) = it.stage.begin(&["resume", "--yes"]);
    poll(|| said().contains("does not run").then_some(()));
    // It waits within a step, so nobody can tell this from what the step does.
    run(&it.old, "ALTER TABLE media ADD COLUMN late int");
    run(&it.new, "ALTER SUBSCRIPTION lockstep_fwd ENABLE");
    assert_eq!(running.wait().unwrap().code(), Some(11), "{}", said());
    let why = said().lines().find(|line| line.contains("rolling back")).unwrap().to_owned();
    assert!(why.contains("step `verify` failed") && why.contains("media"), "{why}");
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "nobody has been switched: {told:?}");
    told.is_all_in(&it.old);
}
