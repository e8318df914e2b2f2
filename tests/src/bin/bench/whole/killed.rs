//! A move of a gigabyte whose processes are killed: what must be there is there, however often.

use std::process::Stdio;
use std::time::Duration;

use lockstep_tests::moments::{Moments, kill_after};

use super::process;
use super::scene::Scene;
use crate::Fallible;
use crate::report::Report;

/// How many processes are killed on one way before one is let go on.
const KILLS: u32 = 8;

/// The longest that a process lives before it is killed.
const LONGEST: Duration = Duration::from_secs(20);

/// Moves it there and home again by processes that are killed at random moments, each time gone on with.
pub(crate) fn killed(report: &mut Report) -> Fallible<()> {
    let Some(scene) = Scene::make(report, "killed")? else { return Ok(()) };
    let Scene { lab, old, new, .. } = &scene;
    let rows = scene.rows()?;
    let (mut moments, mut kills) = (Moments::begin(), 0);
    let mut over = |command: &[&str]| -> Fallible<(Option<i32>, String)> {
        for _ in 0..KILLS {
            let mut quiet = lab.command(command);
            let mut process = quiet.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            if let Some(code) = kill_after(&mut process, moments.up_to(LONGEST)) {
                return Ok((Some(code), String::new()));
            }
            kills += 1;
        }
        let last = lab.command(command).output()?;
        Ok((last.status.code(), String::from_utf8_lossy(&last.stderr).into_owned()))
    };
    let writers = scene.writers();
    // Whoever is killed before there is a run has none to go on with, so that much is let happen.
    let begin = || {
        process::run_to(
            10,
            &mut lab.command(&["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "pin"]),
        )
    };
    let resume = ["resume", "--yes", "--until", "prove"];
    let mut turned = 0;
    begin()?;
    let (mut ended, mut said) = over(&resume)?;
    // Killed while writes were held, it has let them flow again and gone back by itself.
    while ended == Some(11) {
        writers.have_written();
        writers.told().is_all_in(old);
        turned += 1;
        begin()?;
        (ended, said) = over(&resume)?;
    }
    if ended != Some(10) {
        return Err(format!("the move ended with {ended:?}\n{said}").into());
    }
    writers.have_written();
    writers.told().is_all_in(new);
    let (ended, said) = over(&["rollback", "--yes"])?;
    if ended != Some(11) {
        return Err(format!("the way back ended with {ended:?}\n{said}").into());
    }
    writers.have_written();
    let told = writers.end();
    told.is_all_in(old);
    report.note(format!(
        "killed: {rows} rows; {kills} processes were killed at random moments, and {turned} times writes were held just then and the run \
         went back by itself; {} rows were acknowledged meanwhile, each of which was there once, at the cluster and at the old server \
         again",
        told.acknowledged.len()
    ));
    Ok(())
}
