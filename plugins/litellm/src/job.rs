//! The service that migrates: the new version's own image and own migration, once against a copy and once for real.
//!
//! That its script ends well says little: it does so also when it could not migrate and goes on. So it is told to fail then,
//! and is believed only by what the database is afterwards.

use lockstep_sdk::{Peer, Piece, ServiceRef};

use crate::names::{JOB_SERVICE, SCRATCH_DATABASE};
use crate::survey::URL;

/// The script in the image, and how it is started. It is what LiteLLM's own chart starts as a job.
pub(crate) const COMMAND: &str = "python litellm/proxy/prisma_migration.py";

/// What the job is told. `migrate deploy` applies what is missing and nothing else; the second resolver compares no schemas. A
/// version that is too old to know a variable ignores it, and the rehearsal shows what that leads to.
const TOLD: [(&str, &str); 5] = [
    ("DISABLE_SCHEMA_UPDATE", "false"),
    ("ENFORCE_PRISMA_MIGRATION_CHECK", "true"),
    ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ("USE_PRISMA_MIGRATE", "True"),
    ("USE_V2_MIGRATION_RESOLVER", "true"),
];

/// The settings of the service.
pub(crate) const SETTINGS: [(&str, &str); 2] =
    [("restart-policy", "NEVER"), ("start-command", COMMAND)];

/// Returns the variables with which it is made: it leads to the copy.
pub(crate) fn variables() -> Vec<(&'static str, Vec<Piece>)> {
    let told = TOLD.map(|(name, value)| (name, vec![Piece::Text(value.to_owned())]));
    let seen_by = ServiceRef::Made(JOB_SERVICE.to_owned());
    let copy = Piece::Conninfo(Peer { connection: SCRATCH_DATABASE.to_owned(), seen_by });
    [(URL, vec![copy])].into_iter().chain(told).collect()
}

/// Returns the variable with which it migrates for real: whatever the proxy itself uses.
pub(crate) fn for_real(service: &str) -> (&'static str, Vec<Piece>) {
    (URL, vec![Piece::Reference((ServiceRef::Named(service.to_owned()), URL.to_owned()))])
}
