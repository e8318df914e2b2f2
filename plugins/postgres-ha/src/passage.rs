//! The front first: a service of its own stands between the services and the database before that moves, so that afterwards
//! only this front is switched, in seconds, and nobody else is deployed without its writes.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Location, VariableValue};

use crate::service::Running;

/// The service that the plan makes, its alias too.
pub(crate) const SERVICE: &str = "postgres-front";

/// Railway's own front of its clusters. Of a single node it does not ask whether that leads.
pub(crate) const IMAGE: &str = "ghcr.io/railwayapp-templates/postgres-ha/haproxy:3";

/// Its variable that says where it leads.
pub(crate) const NODES: &str = "POSTGRES_NODES";

/// Its variable by which people, and this plugin, find it.
pub(crate) const URL: &str = "DATABASE_URL";

/// The port of what it leads to, and where nobody is asked of a single node.
const PORTS: &str = "5432:8008";

/// Returns the text with which it leads to a service.
pub(crate) fn leading_to(service: &str) -> String {
    format!("${{{{{service}.RAILWAY_PRIVATE_DOMAIN}}}}:{PORTS}")
}

/// Returns the image with its digest; none where it can't be had.
pub(crate) fn image<O: Railway>(outside: &O) -> Result<Option<String>, Failure> {
    Ok(outside.published(IMAGE)?.map(|published| format!("{IMAGE}@{}", published.digest)))
}

/// Returns where it is reached, once it is there.
pub(crate) fn location<O: Railway>(outside: &O) -> Result<Option<Location>, Failure> {
    outside.destination(SERVICE, URL)
}

/// Returns whether the password with which the cluster's front lets clients in is the old server's own: whoever is led through
/// keeps one account for both sides.
pub(crate) fn same_password(old: &Running, front: &Running) -> bool {
    let value = |running: &Running, name: &str| {
        let found = running.variables.iter().find(|variable| variable.name == name);
        found.map(|variable| variable.value.clone())
    };
    let theirs = value(front, "PGPOOL_POSTGRES_PASSWORD");
    let (own, other) = (value(old, "POSTGRES_PASSWORD"), front.name());
    match (&own, &theirs) {
        (_, Some(VariableValue::Shown(text))) if refers(text, old.name(), "POSTGRES_PASSWORD") => {
            true
        }
        (Some(VariableValue::Shown(text)), _)
            if refers(text, other, "PGPOOL_POSTGRES_PASSWORD") =>
        {
            true
        }
        (Some(VariableValue::Masked(own)), Some(VariableValue::Masked(theirs))) => own == theirs,
        _ => false,
    }
}

fn refers(text: &str, service: &str, name: &str) -> bool {
    text == format!("${{{{{service}.{name}}}}}")
}
