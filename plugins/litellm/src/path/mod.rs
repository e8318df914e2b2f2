//! Plans: what is read, found, declared and laid out.

mod draft;
mod finish;
mod migrate;
mod parts;
mod prepare;
mod rehearse;
mod switch;

pub(crate) use draft::{PATH, plan};
