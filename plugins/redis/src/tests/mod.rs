//! The plugin against a scripted stack.

mod checks;
mod given;
mod plans;
mod refusals;
mod run;
mod stack;
