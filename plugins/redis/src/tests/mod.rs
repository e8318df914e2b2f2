//! The plugin against a scripted stack.

mod checks;
mod clients;
mod given;
mod guide;
mod plans;
mod refusals;
mod run;
mod shown;
mod stack;
mod sweep;
mod window;
