//! What a plugin may do, decided without touching anything: grants, admission, and what a frozen plan must hold.

mod admit;
mod begun;
mod derive;
mod expect;
mod following;
mod forget;
mod freeze;
mod grant;
mod images;
mod ledger;
mod rules;
mod sections;
mod shape;
mod stopped;
mod watching;

pub use admit::{Admitted, Known, admit, admit_for_planning, check};
pub use freeze::{FreezeError, Freezer};
pub use grant::{Grant, admits_path};
pub(crate) use ledger::{begins, ends};
pub use rules::{Breach, State, breaches, compare, is_within};
pub use watching::Watching;
