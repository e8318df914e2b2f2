//! The way from one version to another, and back.

mod draft;
mod finish;
mod parts;
mod prepare;
mod switch;

pub(crate) use self::draft::{PATH, plan, watches};
pub(crate) use self::finish::PATIENCE_BACK;
pub(crate) use self::parts::{Leaving, refs};
pub(crate) use self::prepare::{BOOT, SECRETS};
