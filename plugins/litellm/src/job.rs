//! The services that migrate: the new version's own image and own migration, once on a copy and once for real.
//!
//! That its script ends well says little: it does so also when it could not migrate and goes on. So it is told to fail then,
//! and is believed only by what the database is afterwards.

use lockstep_sdk::{Peer, Piece, ServiceRef};

use crate::names::{REHEARSAL_SERVICE, SCRATCH_DATABASE};
use crate::survey::URL;

/// The script in the image, and how it is started. It is what LiteLLM's own chart starts as a job.
pub(crate) const COMMAND: &str = "python litellm/proxy/prisma_migration.py";

/// What such a service is told. `migrate deploy` applies what is missing and nothing else; the second resolver compares no schemas. A
/// version that is too old to know a variable ignores it, and the rehearsal shows what that leads to.
const TOLD: [(&str, &str); 5] = [
    ("DISABLE_SCHEMA_UPDATE", "false"),
    ("ENFORCE_PRISMA_MIGRATION_CHECK", "true"),
    ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ("USE_PRISMA_MIGRATE", "True"),
    ("USE_V2_MIGRATION_RESOLVER", "true"),
];

/// The settings of such a service.
pub(crate) const SETTINGS: [(&str, &str); 2] =
    [("restart-policy", "NEVER"), ("start-command", COMMAND)];

/// Returns the variables of the service that migrates the copy.
pub(crate) fn to_copy() -> Vec<(&'static str, Vec<Piece>)> {
    let seen_by = ServiceRef::Made(REHEARSAL_SERVICE.to_owned());
    told(Piece::Conninfo(Peer { connection: SCRATCH_DATABASE.to_owned(), seen_by }))
}

/// Returns the variables of the service that migrates the database: it leads to wherever the proxy leads.
pub(crate) fn to_database(service: &str) -> Vec<(&'static str, Vec<Piece>)> {
    told(Piece::Reference((ServiceRef::Named(service.to_owned()), URL.to_owned())))
}

fn told(url: Piece) -> Vec<(&'static str, Vec<Piece>)> {
    let told = TOLD.map(|(name, value)| (name, vec![Piece::Text(value.to_owned())]));
    [(URL, vec![url])].into_iter().chain(told).collect()
}
