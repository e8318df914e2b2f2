//! `cargo xtask sim`: the engine's simulation over many seeds, or one seed again.

use crate::{command::Failed, place::Place};

/// Runs the engine's simulation test; it reads the seeds from `LOCKSTEP_SIM_SEEDS` or `LOCKSTEP_SIM_SEED`.
pub(crate) fn run(place: &Place, arguments: &[String]) -> Result<(), Failed> {
    let (name, value) = match arguments {
        [flag, value] if flag == "--seeds" => ("LOCKSTEP_SIM_SEEDS", value),
        [flag, value] if flag == "--seed" => ("LOCKSTEP_SIM_SEED", value),
        _ => return Err(Failed::new("say `sim --seeds N` or `sim --seed S`")),
    };
    let Ok(_number) = value.parse::<u64>() else {
        return Err(Failed::new(format!("`{value}` is not a whole number")));
    };
    place
        .cargo(["test", "--package", "lockstep-engine", "simulation", "--", "--nocapture"])
        .env(name, value)
        .run()
}
