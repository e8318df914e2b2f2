//! Words for people: plans, runs and news. Nothing here decides anything.

mod change;
mod conversion;
mod effect;
mod finding;
mod ledger;
mod news;
mod outage;
mod plan;
mod report;
mod run;
mod step;
mod text;
mod total;
mod transfer;
mod watch;

pub(crate) use effect::kind as effect;
pub(crate) use finding::findings;
pub(crate) use ledger::ledger;
pub(crate) use news::{Announcer, lines_to_add};
pub(crate) use plan::plan;
pub(crate) use report::{Report, StageLine, Stages, report};
pub(crate) use run::{event, standing};
pub(crate) use text::{brief, hang, length, plural, put, shortened, tame, visible};
