//! Random plans under random faults: whatever happens, the laws hold. The same seed gives the same run, to the byte.
//!
//! `LOCKSTEP_SIM_SEEDS=N` runs the first N seeds, `LOCKSTEP_SIM_SEED=S` runs one again.

mod laws;
mod life;
mod random;
mod scenario;
mod sections;
mod seeds;
