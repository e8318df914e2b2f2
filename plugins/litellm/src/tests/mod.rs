//! The plugin against a scripted stack.

mod asking;
mod back;
mod checks;
mod declared;
mod found;
mod given;
mod guide;
mod plans;
mod refusals;
mod rehearsal;
mod shape;
mod smoke;
mod sql;
pub(crate) mod stack;
mod sweep;
mod watches;
