//! The plugin against a scripted stack.

mod clients;
mod declared;
mod plans;
mod refusals;
mod run;
mod stack;
