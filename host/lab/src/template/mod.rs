//! Railway's templates: a few services at once, with volumes, generated secrets and references among them.

mod catalogue;
mod deploy;
mod generate;
mod wanted;

pub(crate) use catalogue::Template;
pub(crate) use deploy::{add, deploy};
pub(crate) use wanted::{Unfit, Wanted};
