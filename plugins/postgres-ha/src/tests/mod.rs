//! The plugin against a scripted stack.

mod back;
mod beside;
mod canaries;
mod checks;
mod cut;
mod declared;
mod given;
mod guide;
mod in_place;
mod in_place_more;
mod job;
mod passage;
mod plans;
mod refusals;
mod retire;
mod settings;
mod shape;
mod sql;
mod stack;
mod sweep;
mod told;
mod watches;
