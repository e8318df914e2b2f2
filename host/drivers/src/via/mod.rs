//! How private services are reached, and what their addresses are: as Lockstep dials them, and as another server does.

mod reach;
mod target;
mod tunnel;

pub(crate) use reach::{Address, Reach};
pub(crate) use target::{Target, Tls, conninfo};
