//! Plans over several components: each is a stage with a plan, an approval, a run, a way back and a report of its own.
//!
//! What ties the runs together is a composite plan, a blob that each of them has among its attachments: a run is the stage of
//! it that upgrades the run's component. Nothing else is stored, so where a composite plan stands is read from its runs.

mod compose;
mod known;
mod order;
mod proceed;
mod refusals;
mod restart;
mod whole;
mod words;

pub(super) use compose::{apply, carry_out, plan};
pub(super) use known::{COMPOSITE, Known};
pub(super) use proceed::{ended, proceed};
pub(super) use refusals::comes_first;
