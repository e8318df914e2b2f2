//! `cargo xtask bench`: the measured budgets, beside their peers.

use crate::{command::Failed, place::Place, setup};

/// Runs the `bench` program of the tests' package, built with optimisation.
pub(crate) fn run(place: &Place, arguments: &[String]) -> Result<(), Failed> {
    setup::install(place)?;
    place.cargo(["build", "--release", "--package", "lockstep"]).run()?;
    place
        .cargo(["run", "--release", "--package", "lockstep-tests", "--bin", "bench", "--"])
        .with(arguments)
        .env("LOCKSTEP_PROGRAMS", place.programs())
        .run()
}
