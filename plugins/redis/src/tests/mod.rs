//! The plugin against a scripted stack.

mod checks;
mod clients;
mod given;
mod plans;
mod refusals;
mod run;
mod shown;
mod stack;
mod window;
