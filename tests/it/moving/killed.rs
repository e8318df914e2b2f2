//! A move, or a conversion in place, whose process is killed at random moments, and gone on with.

use std::time::Duration;

use lockstep_tests::moments::{Moments, kill_after};
use lockstep_tests::writers::{LEISURE, Writers};

use super::Move;
use super::in_place::Place;
use crate::far_side::poll_for;
use crate::stage::Stage;

/// How often the process is killed on one way before it is let go on, and the longest that it lives before.
const MOVE: (u32, Duration) = (3, Duration::from_secs(12));

/// The same of what is done in place, which has more and shorter steps.
const IN_PLACE: (u32, Duration) = (6, Duration::from_secs(5));

/// How long a process that is let go on may take, in seconds.
const PATIENCE: u32 = 400;

/// Begins a command and kills it, again and again, each time going on with `again`; returns how the last one ended, and what it
/// said.
fn killed_over(
    stage: &Stage,
    moments: &mut Moments,
    (kills, longest): (u32, Duration),
    [command, again]: [&[&str]; 2],
) -> (Option<i32>, String) {
    let mut command = command;
    for _ in 0..kills {
        let (mut process, said) = stage.begin(command);
        let ended = kill_after(&mut process, moments.up_to(longest));
        if ended.is_some() {
            return (ended, said());
        }
        // Killed before there was a run, it has done nothing.
        if has_begun(stage) {
            command = again;
        }
    }
    let (mut process, said) = stage.begin(command);
    let ended = poll_for(PATIENCE, || process.try_wait().unwrap());
    (ended.code(), said())
}

fn has_begun(stage: &Stage) -> bool {
    let runs = stage.lockstep(&["runs", "--json"]).expect(0).json();
    runs["runs"]["runs"].as_array().is_some_and(|runs| !runs.is_empty())
}

#[test]
fn killed_at_random_moments_and_resumed_a_move_and_its_way_back_lose_no_row() {
    let mut moments = Moments::begin();
    let it = Move::begin();
    let writers = Writers::start(8, [&it.old, &it.new], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    let resume = ["resume", "--yes", "--until", "prove"];
    match killed_over(&it.stage, &mut moments, MOVE, [&apply, &resume]) {
        (Some(10), _) => {
            writers.have_written();
            let told = writers.told();
            assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
            told.is_all_in(&it.new);
            let back = ["rollback", "--yes"];
            let (code, said) = killed_over(&it.stage, &mut moments, MOVE, [&back, &back]);
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

#[test]
fn killed_at_random_moments_and_resumed_a_conversion_in_place_and_its_way_back_lose_no_row() {
    let mut moments = Moments::begin();
    let it = Place::begin();
    let writers = Writers::start(2, [&it.url, &it.url], LEISURE);
    writers.have_written();
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    let resume = ["resume", "--yes", "--until", "prove"];
    let (code, said) = killed_over(&it.stage, &mut moments, IN_PLACE, [&apply, &resume]);
    assert_eq!(code, Some(10), "{said}");
    writers.have_written();
    writers.told().is_all_in(&it.front());
    let back = ["rollback", "--yes"];
    let (code, said) = killed_over(&it.stage, &mut moments, IN_PLACE, [&back, &back]);
    assert_eq!(code, Some(11), "{said}");
    writers.have_written();
    let told = writers.end();
    it.is_as_before();
    told.is_all_in(&it.url);
}
