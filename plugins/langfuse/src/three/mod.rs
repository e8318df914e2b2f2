//! From version 2, which keeps everything in PostgreSQL, to version 3: what that needs is made and wired, version 3 is started
//! beside version 2, and what version 2 kept is moved.

mod check;
mod findings;
mod parts;
mod plan;
mod steps;
mod stores;

pub(crate) use self::check::{made, moved, rest, rested, secret, unrested, wired};
#[cfg(test)]
pub(crate) use self::parts::WIRED;
pub(crate) use self::plan::{Entering, plan};
