//! The way from one version to another, and back.

mod draft;
mod finish;
mod parts;
mod prepare;
mod switch;

pub(crate) use self::draft::{PATH, plan};
