//! Words for people: plans, runs and news. Nothing here decides anything.

mod effect;
mod news;
mod plan;
mod run;
mod text;

pub(crate) use effect::kind as effect;
pub(crate) use news::{Announcer, lines_to_add};
pub(crate) use plan::plan;
pub(crate) use run::{event, standing};
pub(crate) use text::{brief, tame, visible};
