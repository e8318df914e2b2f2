//! Everything outside the engine, in memory: deterministic, truthful, and able to fail on demand.

mod bench;
mod canaries;
mod clock;
mod far_side;
mod guest;
mod holds;
mod journal;
mod people;
mod plans;
mod traffic;
mod world;

pub(crate) use bench::{Bench, block_on};
pub(crate) use far_side::FarSide;
pub(crate) use guest::{Act, FakeGuest, panicked, unavailable};
pub(crate) use holds::{Lifted, Past};
pub(crate) use journal::Fate as AppendFate;
pub(crate) use people::FakeReporter;
pub(crate) use plans::{
    Shape, all_of_it, command, deploy, effect, hold, label, listed, named, pinned, plugin, release,
    section, set_image, set_variable, step_id, undo_of,
};
pub(crate) use world::Fault;
