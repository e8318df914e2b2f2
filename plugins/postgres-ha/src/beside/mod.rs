//! The path on which nothing moves: a cluster is made beside the server from a template, for a later plan to move to.
//!
//! A plan of the move rests on what the cluster itself answers, so making one is a plan of its own.

mod check;
mod context;
mod findings;
mod held;
mod names;
mod observe;
mod plan;
mod steps;
mod template;
mod value;

pub(crate) use check::check;
pub(crate) use context::Making;
pub(crate) use findings::how;
#[cfg(test)]
pub(crate) use held::{DATABASES, TABLES};
pub(crate) use observe::observe;
pub(crate) use plan::plan;
#[cfg(test)]
pub(crate) use template::Wanted;
pub(crate) use value::Secret;

/// The connection to the database that the template itself makes, at whichever node leads.
pub(crate) const OWN: &str = "cluster-own";

/// The code of the guide's template, as Railway called it.
pub(crate) const CODE: &str = "ha-postgres";
