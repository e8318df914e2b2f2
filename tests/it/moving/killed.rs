//! A move whose process is killed at random moments, and gone on with.

use std::time::Duration;

use lockstep_tests::moments::{Moments, kill_after};
use lockstep_tests::writers::{LEISURE, Writers};

use super::Move;
use crate::far_side::poll_for;

/// How often the process is killed on one way before it is let go on.
const KILLS: u32 = 3;

/// The longest that a process lives before it is killed.
const LONGEST: Duration = Duration::from_secs(12);

/// How long a process that is let go on may take, in seconds.
const PATIENCE: u32 = 400;

impl Move {
    /// Begins a command and kills it, again and again, each time going on with `again`; returns how the last one ended, and
    /// what it said.
    fn killed_over(
        &self,
        moments: &mut Moments,
        command: &[&str],
        again: &[&str],
    ) -> (Option<i32>, String) {
        let mut command = command;
        for _ in 0..KILLS {
            let (mut process, said) = self.stage.begin(command);
            let ended = kill_after(&mut process, moments.up_to(LONGEST));
            if ended.is_some() {
                return (ended, said());
            }
            // Killed before there was a run, it has done nothing.
            if self.has_begun() {
                command = again;
            }
        }
        let (mut process, said) = self.stage.begin(command);
        let ended = poll_for(PATIENCE, || process.try_wait().unwrap());
        (ended.code(), said())
    }

    fn has_begun(&self) -> bool {
        let runs = self.stage.lockstep(&["runs", "--json"]).expect(0).json();
        runs["runs"]["runs"].as_array().is_some_and(|runs| !runs.is_empty())
    }
}

#[test]
fn killed_at_random_moments_and_resumed_a_move_and_its_way_back_lose_no_row() {
    let mut moments = Moments::begin();
    let it = Move::begin();
    let writers = Writers::start(8, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    let resume = ["resume", "--yes", "--until", "prove"];
    match it.killed_over(&mut moments, &apply, &resume) {
        (Some(10), _) => {
            writers.have_written();
            let told = writers.told();
            assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
            told.is_all_in(&it.new);
            let back = ["rollback", "--yes"];
            let (code, said) = it.killed_over(&mut moments, &back, &back);
            assert_eq!(code, Some(11), "{said}");
        }
        // Killed while writes were held, it has let them flow again and gone back by itself.
        (code, said) => assert_eq!(code, Some(11), "{said}"),
    }
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "every writer is back: {told:?}");
    told.is_all_in(&it.old);
}
