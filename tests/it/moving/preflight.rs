//! Clients whom the seal would not keep from writing, and connections through which no block on writes holds.

use super::Move;
use super::traps::{found, run};
use crate::far_side::variable;

/// A role's own setting in this database, which beats the database's.
const OF_THE_ROLE: &str = "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_read_only = off', \
    current_user, current_database()); END $$";

const OF_NO_ROLE: &str = "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL', current_user, current_database()); END $$";

/// The old server's connection, by the service that pools the cluster's.
const POOLED: &str = "[environments.lab.connections.postgres]\nkind = \"postgres\"\nservice = \"pgpool\"\nport = 5432\n\
    variable = \"PGPOOL_POSTGRES_PASSWORD\"\nuser = \"postgres\"\ndatabase = \"postgres\"\n";

impl Move {
    /// Plans, and demands a refusal of this name with this in it.
    #[track_caller]
    pub(super) fn is_refused(&self, id: &str, says: &str) {
        let findings = self.findings(3);
        let finding = found(&findings, id).unwrap_or_else(|| panic!("no {id}: {findings:#?}"));
        assert!(finding.to_string().contains(says), "{finding:#}");
    }
}

#[test]
fn who_could_write_through_the_seal_and_what_pools_connections_is_refused_by_the_plan() {
    let it = Move::begin();
    run(&it.old, OF_THE_ROLE);
    it.is_refused("read-only-default", "default_transaction_read_only=off for postgres");
    run(&it.old, OF_NO_ROLE);

    // A superuser who comes with this is stopped by no default, of a role or of a database.
    let own = "-c default_transaction_read_only=off";
    variable(&it.stage, "langfuse-web", "PGOPTIONS", own);
    it.is_refused("unsealed-clients", "langfuse-web PGOPTIONS");
    variable(&it.stage, "langfuse-web", "PGOPTIONS", "-c work_mem=8MB");
    let findings = it.findings(0);
    assert!(found(&findings, "unsealed-clients").is_none(), "{findings:#?}");
    assert!(found(&findings, "superuser").is_some(), "{findings:#?}");

    it.configure(POOLED);
    it.is_refused("pooler", "SHOW pool_version: 4.");
}
