//! Between the contract's types and the engine's.
//!
//! Outward, everything fits. Inward, whatever the engine has no word for is refused by name: a case `other`, a key of
//! an `extra`, a text that is no label, a number that is not finite.

mod effect;
mod fact;
mod failure;
mod railway;
mod reading;
mod step;
mod upgrade;
mod way;

pub(crate) use way::{Inward, Outward, Refused, closed, name, unknown};
