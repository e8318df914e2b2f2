//! What Langfuse's migrations do to PostgreSQL.
//!
//! Names and order are the real ones', of which these are a few: those that make or drop what somebody reads or writes here, with tables cut
//! down to that. As Prisma runs it, one migration's statements are one transaction.

use super::{
    super::{database::DatabaseError, prisma::History, settings::Settings},
    fault::MigrationFault,
    refusal::{Refusal, of_database},
    store::Store,
};

/// One migration, and the version that brought it.
struct Migration {
    since: &'static [u64],
    name: &'static str,
    statements: &'static str,
}

const fn since(since: &'static [u64], name: &'static str, statements: &'static str) -> Migration {
    Migration { since, name, statements }
}

const MIGRATIONS: [Migration; 21] = [
    since(
        &[2],
        "20230518191501_init",
        "CREATE TABLE organizations (id text PRIMARY KEY, name text NOT NULL); \
         CREATE TABLE projects (id text PRIMARY KEY, name text NOT NULL, org_id text NOT NULL REFERENCES organizations, \
           created_at timestamp(3) NOT NULL DEFAULT now()); \
         CREATE TABLE api_keys (id text PRIMARY KEY, public_key text NOT NULL UNIQUE, fast_hashed_secret_key text UNIQUE, \
           project_id text NOT NULL REFERENCES projects)",
    ),
    since(
        &[2],
        "20230518193415_add_observaionts_and_traces",
        "CREATE TABLE traces (id text PRIMARY KEY, timestamp timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'), name text, \
           project_id text NOT NULL, created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')); \
         CREATE INDEX traces_created_at_idx ON traces (created_at); \
         CREATE TABLE observations (id text PRIMARY KEY, trace_id text, type text NOT NULL DEFAULT 'SPAN', name text, \
           start_time timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'), project_id text NOT NULL, \
           created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'))",
    ),
    since(
        &[2],
        "20230523084523_rename_to_score",
        "CREATE TABLE scores (id text PRIMARY KEY, trace_id text NOT NULL, name text NOT NULL, value double precision, \
           timestamp timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'), project_id text NOT NULL, \
           created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'))",
    ),
    since(
        &[2],
        "20240326114211_dataset_run_item_bind_to_trace",
        "CREATE TABLE dataset_run_items (id text PRIMARY KEY, dataset_run_id text NOT NULL, dataset_item_id text NOT NULL, \
           trace_id text NOT NULL, project_id text NOT NULL, created_at timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'))",
    ),
    since(
        &[2],
        "20241024111800_add_background_migrations_table",
        "CREATE TABLE background_migrations (id text PRIMARY KEY, name text NOT NULL UNIQUE, script text NOT NULL, args jsonb NOT NULL, \
           finished_at timestamp(3), failed_at timestamp(3), failed_reason text, worker_id text, locked_at timestamp(3))",
    ),
    since(
        &[2],
        "20241024121500_add_generations_cost_backfill_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('32859a35-98f5-4a4a-b438-ebc579349e00', \
           '20241024_1216_add_generations_cost_backfill', 'addGenerationsCostBackfill', '{}')",
    ),
    since(
        &[2],
        "20241024173000_add_traces_pg_to_ch_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('5960f22a-748f-480c-b2f3-bc4f9d5d84bc', \
           '20241024_1730_migrate_traces_from_pg_to_ch', 'migrateTracesFromPostgresToClickhouse', '{}')",
    ),
    since(
        &[2],
        "20241024173700_add_observations_pg_to_ch_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('7526e7c9-0026-4595-af2c-369dfd9176ec', \
           '20241024_1737_migrate_observations_from_pg_to_ch', 'migrateObservationsFromPostgresToClickhouse', '{}')",
    ),
    since(
        &[2],
        "20241024173800_add_scores_pg_to_ch_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('94e50334-50d3-4e49-ad2e-9f6d92c85ef7', \
           '20241024_1738_migrate_scores_from_pg_to_ch', 'migrateScoresFromPostgresToClickhouse', '{}')",
    ),
    since(
        &[2],
        "20241104111600_background_migrations_add_state_column",
        "ALTER TABLE background_migrations ADD COLUMN state jsonb NOT NULL DEFAULT '{}'",
    ),
    since(
        &[3],
        "20241124115100_add_projects_deleted_at",
        "ALTER TABLE projects ADD COLUMN deleted_at timestamp(3)",
    ),
    since(
        &[3, 14],
        "20250123103200_add_retention_days_to_projects",
        "ALTER TABLE projects ADD COLUMN retention_days integer",
    ),
    since(
        &[3, 53],
        "20250517173700_add_event_log_migration_background_migration.sql",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('c19b91d9-f9a2-468b-8209-95578f970c5b', \
           '20250417_1737_migrate_event_log_to_blob_storage', 'migrateEventLogToBlobStorageRefTable', '{}')",
    ),
    since(
        &[3, 98],
        "20250814100100_add_dataset_run_items_rmt_pg_to_ch_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('9f32e84c-7b1d-4f59-a803-d67ae5c9b2e8', \
           '20250814_1001_migrate_dataset_run_items_rmt_pg_to_ch', 'migrateDatasetRunItemsFromPostgresToClickhouseRmt', '{}')",
    ),
    since(
        &[3, 144],
        "20260106120000_add_encrypt_blob_storage_secrets_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('01a0c890-2094-8e2f-c773-cf4d14638fa4', \
           '20260106_encrypt_blob_storage_secrets', 'encryptBlobStorageSecrets', '{}')",
    ),
    since(
        &[3, 173],
        "20260506144028_add_verified_domains",
        "CREATE TABLE verified_domains (id text PRIMARY KEY, organization_id text NOT NULL, domain text NOT NULL)",
    ),
    since(
        &[3, 203],
        "20260701115500_add_create_root_spans_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('8e1f4a2b-5c63-4d8e-9a47-1b2f3c4d5e6f', \
           '20260701_v4_step_1_create_root_spans_from_traces', 'createRootSpansFromTraces', \
           '{\"envGate\": \"LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL\"}')",
    ),
    since(
        &[3, 203],
        "20260701115504_add_drop_pid_tid_sorting_tables_background_migration",
        "INSERT INTO background_migrations (id, name, script, args) VALUES ('b3f1c5d8-9e47-4a26-8b3f-5c6d7e8f9a01', \
           '20260701_v4_step_5_drop_pid_tid_sorting_tables', 'dropPidTidSortingTables', \
           '{\"envGate\": \"LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES\"}')",
    ),
    since(
        &[4],
        "20260723124010_drop_dataset_run_items_table",
        "DROP TABLE IF EXISTS dataset_run_items; \
         DELETE FROM background_migrations WHERE name IN ('20250417_1737_migrate_event_log_to_blob_storage', \
           '20250814_1001_migrate_dataset_run_items_rmt_pg_to_ch')",
    ),
    since(
        &[4],
        "20260723150000_drop_legacy_tracing_tables",
        "DROP TABLE IF EXISTS traces; DROP TABLE IF EXISTS observations; DROP TABLE IF EXISTS scores; \
         DELETE FROM background_migrations WHERE name LIKE '20241024%'",
    ),
    since(
        &[4, 12],
        "20260813120000_add_posthog_integration_error_fields",
        "CREATE TABLE posthog_integrations (project_id text PRIMARY KEY, last_error text)",
    ),
];

/// Applies what the history lacks of this version's migrations.
pub(super) async fn migrate(store: &Store, settings: &Settings) -> Result<(), Refusal> {
    let database = |error: DatabaseError| of_database("applying database migrations", error);
    let history = History::of(&store.database).await.map_err(database)?;
    if let Some(name) = history.unfinished().await.map_err(database)? {
        return Err(Refusal::Final(format!(
            "P3009: migrate found failed migrations in the target database, new migrations will not be applied: `{name}`"
        )));
    }
    for Migration { name, statements, .. } in
        MIGRATIONS.iter().filter(|it| settings.is_at_least(it.since))
    {
        if history.is_applied(name).await.map_err(database)? {
            continue;
        }
        tracing::info!("applying migration `{name}`");
        history.begin(name, statements).await.map_err(database)?;
        if MigrationFault::of(settings) == Some(MigrationFault::PostgresKilled) {
            return Err(Refusal::killed(name));
        }
        let done = store.database.batch(statements).await;
        done.map_err(|error| {
            of_database(&format!("P3018: migration `{name}` failed to apply"), error)
        })?;
        history.end(name).await.map_err(database)?;
    }
    Ok(())
}
