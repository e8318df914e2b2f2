//! The plugin against a scripted stack.

mod back;
mod checks;
mod found;
mod given;
mod plans;
mod refusals;
mod servers;
pub(crate) mod stack;
mod three;
mod traces;
mod watches;
