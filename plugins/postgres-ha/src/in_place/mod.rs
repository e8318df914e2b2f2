//! The path on which nothing is copied: the server itself becomes the first node of Railway's own cluster, and a single
//! server again on the way back.

mod back;
mod check;
mod context;
mod findings;
mod literals;
mod names;
mod observe;
mod patroni;
mod plan;
mod probe;
mod raise;
mod references;
mod server;
mod steps;
mod survey;
mod template;

pub(crate) use check::check;
pub(crate) use context::Conversion;
pub(crate) use observe::observe;
pub(crate) use patroni::PATHS;
pub(crate) use plan::plan;
pub(crate) use probe::probe;
#[cfg(test)]
pub(crate) use references::moved_text;
pub(crate) use server::followers;
#[cfg(test)]
pub(crate) use server::{ASIDE, HISTORY, SETTINGS};
#[cfg(test)]
pub(crate) use template::Order;
pub(crate) use template::{DeclareConversion, Templates};

/// The endpoint of Patroni's API at the server itself.
pub(crate) const PATRONI: &str = "patroni";

/// The connection through the cluster's front.
pub(crate) const EDGE: &str = "postgres-ha";
