//! `cargo xtask bench`: the measured budgets, beside their peers.

use crate::{
    command::{Failed, Line},
    place::Place,
    setup,
};

/// Runs the `bench` program of the tests' package, built with optimisation.
pub(crate) fn run(place: &Place, arguments: &[String]) -> Result<(), Failed> {
    setup::install(place)?;
    // In one selection: another one has other features, and would build the compiler of the plugins again.
    let both = ["--package", "lockstep", "--package", "lockstep-tests", "--bins"];
    place.cargo(["build", "--release"]).with(both).run()?;
    let bench = place
        .build_output()?
        .join("release")
        .join(format!("bench{}", std::env::consts::EXE_SUFFIX));
    Line::new(bench, arguments).env("LOCKSTEP_PROGRAMS", place.programs()).run()
}
