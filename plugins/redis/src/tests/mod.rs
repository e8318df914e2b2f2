//! The plugin against a scripted stack.

mod plans;
mod refusals;
mod run;
mod stack;
