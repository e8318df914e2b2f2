//! Railway's templates: a few services at once, with volumes, generated secrets and references among them.

mod catalogue;
mod convert;
mod deploy;
mod generate;
mod revert;
mod task;
mod wanted;

pub(crate) use catalogue::Template;
pub(crate) use deploy::add;
pub(crate) use task::{Task, When, run};
pub(crate) use wanted::{Unfit, Wanted};
