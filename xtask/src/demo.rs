//! `cargo xtask demo`: the lab comes up and its Redis is upgraded.

use std::path::Path;

use crate::{
    command::{Failed, Line},
    place::Place,
    setup,
};

/// The command that counts and hashes what is in Redis.
const CENSUS: &[&str] = &["lab", "census"];

const STEPS: [(&str, &[&str]); 8] = [
    ("the stack with Redis 6.2, on this machine", &["lab", "up", "--stack", "redis-6"]),
    ("data of every type, some of it expiring", &["lab", "fill"]),
    ("every key, value and expiry, counted and hashed", CENSUS),
    ("what upgrading Redis would do; nothing is changed", &["plan", "redis@7.0.15", "-e", "lab"]),
    ("the same plan, carried out", &["apply", "redis@7.0.15", "-e", "lab", "--yes"]),
    ("the same keys, values and expiries, in the new version", CENSUS),
    ("what runs now", &["status", "-e", "lab"]),
    ("the runs of this folder", &["runs"]),
];

/// Builds `lockstep` and shows an upgrade from start to end; the lab goes on running.
pub(crate) fn run(place: &Place) -> Result<(), Failed> {
    setup::install(place)?;
    place.cargo(["build", "--package", "lockstep"]).run()?;
    let lockstep = place
        .build_output()?
        .join("debug")
        .join(format!("lockstep{}", std::env::consts::EXE_SUFFIX));
    let folder = place.root.join("target").join("demo");
    std::fs::create_dir_all(&folder).map_err(crate::command::on(&folder))?;
    // A demo that was stopped halfway may have left its lab running; there is none the first time.
    if let Err(absent) = step(place, &lockstep, &folder, &["lab", "down", "--remove"]).output() {
        println!("no lab was running: {}", absent.to_string().lines().last().unwrap_or_default());
    }
    let mut counted = Vec::new();
    for (meaning, arguments) in STEPS {
        println!("\n# {meaning}");
        step(place, &lockstep, &folder, arguments).run()?;
        if arguments == CENSUS {
            let json = step(place, &lockstep, &folder, &["lab", "census", "--json"]).output()?;
            counted.push(samples(&json));
        }
    }
    if counted.len() != 2 || counted.first() != counted.last() || counted.contains(&None) {
        return Err(Failed::new(
            "the upgrade changed what was written before: the two hashes differ",
        ));
    }
    println!(
        "\nDone: a real Redis 6.2 became a real Redis 7.0, and every key, value and expiry that was written is still there.\n\
         Where to go next, in {}:\n  {} show RUN --plan        every record of the run, and its plan\n  \
         {} lab env               how to reach the lab with redis-cli, psql or Railway's own tools\n  \
         {} lab break             what can go wrong on purpose\n  {} lab down              stops the lab",
        folder.display(),
        lockstep.display(),
        lockstep.display(),
        lockstep.display(),
        lockstep.display(),
    );
    Ok(())
}

/// Returns the hash over what `lab fill` wrote.
fn samples(json: &str) -> Option<String> {
    let (_, rest) = json.split_once("\"samples\": \"")?;
    rest.split_once('"').map(|(hash, _)| hash.to_owned())
}

fn step(place: &Place, lockstep: &Path, folder: &Path, arguments: &[&str]) -> Line {
    Line::new(lockstep, arguments).within(folder).env("LOCKSTEP_PROGRAMS", place.programs())
}
