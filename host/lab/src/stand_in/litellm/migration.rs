//! What a migration of `LiteLLM` does to PostgreSQL, with tables and statements of the lab's own.
//!
//! The history is Prisma's in form. Tables are a few of the real ones, cut down to what somebody reads or writes here. A migration
//! whose row was deleted runs again and finds its work done.

use super::super::{
    MigrationFailed, StandInError,
    database::{Database, DatabaseError},
    prisma::History,
    server::Stop,
    settings::Settings,
};

/// The variable with which a fault makes the job drop what is Langfuse's.
pub(crate) const DROPS_VARIABLE: &str = "LOCKSTEP_LAB_DROPS_FOREIGN";

/// What `prisma db push --accept-data-loss` does to a table that it does not know.
const DROPS: &str = "DROP TABLE IF EXISTS lab_langfuse_events";

/// One migration, and the version that brought it.
struct Migration {
    since: &'static [u64],
    name: &'static str,
    statements: &'static str,
}

const MIGRATIONS: [Migration; 2] = [
    Migration {
        since: &[1, 65],
        name: "20250326000000_lab_tables",
        statements: "\
            CREATE TABLE IF NOT EXISTS \"LiteLLM_VerificationToken\" (token text PRIMARY KEY, expires timestamp(3), metadata jsonb NOT NULL DEFAULT '{}'); \
            CREATE TABLE IF NOT EXISTS \"LiteLLM_ProxyModelTable\" (model_id text PRIMARY KEY, model_name text NOT NULL, litellm_params jsonb NOT NULL DEFAULT '{}'); \
            CREATE TABLE IF NOT EXISTS \"LiteLLM_Config\" (param_name text PRIMARY KEY, param_value jsonb); \
            CREATE TABLE IF NOT EXISTS \"LiteLLM_SpendLogs\" (request_id text PRIMARY KEY, call_type text NOT NULL, api_key text NOT NULL DEFAULT '', \
              spend double precision NOT NULL DEFAULT 0, \"startTime\" timestamp(3) NOT NULL, \"endTime\" timestamp(3) NOT NULL)",
    },
    Migration {
        since: &[1, 100],
        name: "20260301000000_lab_agents",
        statements: "\
            ALTER TABLE \"LiteLLM_SpendLogs\" ADD COLUMN IF NOT EXISTS agent_id text; \
            CREATE INDEX IF NOT EXISTS \"LiteLLM_SpendLogs_agent_id_idx\" ON \"LiteLLM_SpendLogs\" (agent_id); \
            CREATE TABLE IF NOT EXISTS \"LiteLLM_LabAgents\" (agent_id text PRIMARY KEY, agent_name text NOT NULL)",
    },
];

/// Runs the job to its end, or until it is asked to end.
///
/// As the real script, it ends well also where it could not migrate, unless `ENFORCE_PRISMA_MIGRATION_CHECK` is set.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(settings.kind, &reason);
    let database = Database::at(settings.required("DATABASE_URL")?)
        .map_err(|reason| refused(format!("DATABASE_URL: {reason}")))?;
    if settings.says("DISABLE_SCHEMA_UPDATE") {
        tracing::info!("DISABLE_SCHEMA_UPDATE is set: nothing is migrated");
        return Ok(());
    }
    tokio::select! {
        biased;
        () = stop.wait() => Ok(()),
        done = job(&database, &settings) => match done {
            Err(error) if settings.says("ENFORCE_PRISMA_MIGRATION_CHECK") => {
                tracing::error!(cause = error.cause(), "the migration failed: {error}");
                Err(StandInError::Migration(MigrationFailed))
            }
            Err(error) => {
                tracing::error!(cause = error.cause(), "the migration failed, and the job goes on: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        },
    }
}

async fn job(database: &Database, settings: &Settings) -> Result<(), DatabaseError> {
    apply(database, settings).await?;
    if settings.says(DROPS_VARIABLE) {
        tracing::warn!("lab: a fault drops what LiteLLM does not know");
        database.batch(DROPS).await?;
    }
    Ok(())
}

/// Applies what the history lacks of this version's migrations.
pub(super) async fn apply(database: &Database, settings: &Settings) -> Result<(), DatabaseError> {
    let history = History::of(database).await?;
    let mut applied = 0;
    for Migration { name, statements, .. } in
        MIGRATIONS.iter().filter(|it| settings.is_at_least(it.since))
    {
        if history.is_applied(name).await? {
            continue;
        }
        tracing::info!("applying migration `{name}`");
        history.begin(name, statements).await?;
        database.batch(statements).await?;
        history.end(name).await?;
        applied += 1;
    }
    if applied == 0 {
        tracing::info!("No pending migrations to apply.");
    } else {
        tracing::info!("All migrations have been successfully applied.");
    }
    Ok(())
}
