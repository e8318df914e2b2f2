//! `cargo xtask demo`: the lab comes up and its Redis is upgraded.

use std::path::Path;

use crate::{
    command::{Failed, Line},
    place::Place,
    setup,
};

const STEPS: [(&str, &[&str]); 5] = [
    ("the stack with Redis 6.2, on this machine", &["lab", "up", "--stack", "redis-6"]),
    ("what upgrading Redis would do; nothing is changed", &["plan", "redis@7.0.15", "-e", "lab"]),
    ("the same plan, carried out", &["apply", "redis@7.0.15", "-e", "lab", "--yes"]),
    ("what runs now", &["status", "-e", "lab"]),
    ("what the run did", &["show", "-e", "lab"]),
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
    if let Err(absent) = step(place, &lockstep, &folder, &["lab", "down"]).output() {
        println!("no lab was running: {}", absent.to_string().lines().last().unwrap_or_default());
    }
    for (meaning, arguments) in STEPS {
        println!("\n# {meaning}");
        step(place, &lockstep, &folder, arguments).run()?;
    }
    println!(
        "\nThe lab still runs. Look around with `lockstep lab env`, stop it with `lockstep lab down`,\nboth in {}.",
        folder.display()
    );
    Ok(())
}

fn step(place: &Place, lockstep: &Path, folder: &Path, arguments: &[&str]) -> Line {
    Line::new(lockstep, arguments).within(folder).env("LOCKSTEP_PROGRAMS", place.programs())
}
