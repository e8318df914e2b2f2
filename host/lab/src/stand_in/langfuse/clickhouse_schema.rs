//! What Langfuse's migrations do to ClickHouse.
//!
//! Numbers are the real ones', and each does what the real one of its number does, to tables cut down to what somebody reads or writes here.

use super::{
    super::settings::Settings,
    clickhouse::{ClickHouse, ClickHouseError},
    fault::MigrationFault,
    refusal::{Refusal, of_clickhouse},
};

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version Int64, dirty UInt8, sequence UInt64) \
    ENGINE = MergeTree ORDER BY sequence";
const CURRENT: &str = "SELECT version, dirty FROM schema_migrations ORDER BY sequence DESC LIMIT 1";
const REST: &str = "created_at DateTime64(3) DEFAULT now(), updated_at DateTime64(3) DEFAULT now(), event_ts DateTime64(3), \
    is_deleted UInt8";

/// A migration's number, the version that brought it, and its statements.
struct Migration(u32, &'static [u64], &'static [&'static str]);

/// In a statement stands `{rest}` for what all tables have.
const MIGRATIONS: [Migration; 46] = [
    Migration(
        1,
        &[3],
        &[
            "CREATE TABLE traces (id String, timestamp DateTime64(3), name String, project_id String, session_id Nullable(String), \
        user_id Nullable(String), {rest}, INDEX idx_id id TYPE bloom_filter(0.001) GRANULARITY 1) \
        ENGINE = ReplacingMergeTree(event_ts, is_deleted) PARTITION BY toYYYYMM(timestamp) ORDER BY (project_id, toDate(timestamp), id)",
        ],
    ),
    Migration(
        2,
        &[3],
        &[
            "CREATE TABLE observations (id String, trace_id String, project_id String, type LowCardinality(String), name String, \
        start_time DateTime64(3), metadata Map(LowCardinality(String), String), {rest}, INDEX idx_name name TYPE bloom_filter() GRANULARITY 1) \
        ENGINE = ReplacingMergeTree(event_ts, is_deleted) PARTITION BY toYYYYMM(start_time) ORDER BY (project_id, type, toDate(start_time), id)",
        ],
    ),
    Migration(
        3,
        &[3],
        &[
            "CREATE TABLE scores (id String, timestamp DateTime64(3), project_id String, trace_id String, name String, value Float64, \
        {rest}, INDEX idx_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1) \
        ENGINE = ReplacingMergeTree(event_ts, is_deleted) PARTITION BY toYYYYMM(timestamp) ORDER BY (project_id, toDate(timestamp), name, id)",
        ],
    ),
    Migration(4, &[3], &["ALTER TABLE observations DROP INDEX IF EXISTS idx_name"]),
    Migration(
        5,
        &[3],
        &[
            "ALTER TABLE traces ADD INDEX IF NOT EXISTS idx_session session_id TYPE bloom_filter() GRANULARITY 1",
        ],
    ),
    Migration(
        6,
        &[3],
        &[
            "ALTER TABLE traces ADD INDEX IF NOT EXISTS idx_user user_id TYPE bloom_filter() GRANULARITY 1",
        ],
    ),
    Migration(
        7,
        &[3, 27],
        &[
            "CREATE TABLE event_log (id String, project_id String, entity_id String, bucket_path String) \
        ENGINE = MergeTree() ORDER BY (project_id, entity_id)",
        ],
    ),
    Migration(
        8,
        &[3, 29],
        &[
            "ALTER TABLE traces ADD COLUMN environment LowCardinality(String) DEFAULT 'default' AFTER project_id",
            "ALTER TABLE observations ADD COLUMN environment LowCardinality(String) DEFAULT 'default' AFTER project_id",
            "ALTER TABLE scores ADD COLUMN environment LowCardinality(String) DEFAULT 'default' AFTER project_id",
        ],
    ),
    Migration(
        9,
        &[3, 38],
        &[
            "CREATE TABLE project_environments (project_id String, environments Array(String)) ENGINE = MergeTree() ORDER BY (project_id)",
            "CREATE MATERIALIZED VIEW project_environments_traces TO project_environments AS SELECT 1",
        ],
    ),
    Migration(
        10,
        &[3, 49],
        &["ALTER TABLE scores ADD COLUMN metadata Map(LowCardinality(String), String)"],
    ),
    Migration(
        11,
        &[3, 53],
        &[
            "CREATE TABLE blob_storage_file_log (id String, project_id String, entity_id String, bucket_path String, {rest}) \
        ENGINE = ReplacingMergeTree(event_ts, is_deleted) ORDER BY (project_id, entity_id, id)",
        ],
    ),
    Migration(
        12,
        &[3, 53],
        &["ALTER TABLE scores ADD COLUMN session_id Nullable(String) AFTER trace_id"],
    ),
    Migration(13, &[3, 53], &["ALTER TABLE scores DROP INDEX IF EXISTS idx_trace"]),
    Migration(14, &[3, 53], &["ALTER TABLE scores MODIFY COLUMN trace_id Nullable(String)"]),
    Migration(
        15,
        &[3, 53],
        &[
            "ALTER TABLE scores ADD INDEX IF NOT EXISTS idx_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1",
        ],
    ),
    Migration(
        16,
        &[3, 53],
        &[
            "ALTER TABLE scores ADD INDEX IF NOT EXISTS idx_session session_id TYPE bloom_filter(0.001) GRANULARITY 1",
        ],
    ),
    Migration(
        17,
        &[3, 55],
        &["ALTER TABLE scores ADD COLUMN dataset_run_id Nullable(String) AFTER session_id"],
    ),
    Migration(
        18,
        &[3, 55],
        &[
            "ALTER TABLE scores ADD INDEX IF NOT EXISTS idx_run dataset_run_id TYPE bloom_filter(0.001) GRANULARITY 1",
        ],
    ),
    Migration(19, &[3, 63], &["CREATE VIEW analytics_traces AS SELECT 1"]),
    Migration(20, &[3, 63], &["CREATE VIEW analytics_observations AS SELECT 1"]),
    Migration(21, &[3, 63], &["CREATE VIEW analytics_scores AS SELECT 1"]),
    Migration(
        22,
        &[3, 90],
        &[
            "CREATE TABLE dataset_run_items (id String, project_id String, dataset_run_id String, trace_id String, {rest}) \
        ENGINE = ReplacingMergeTree(event_ts, is_deleted) ORDER BY (project_id, dataset_run_id, id)",
        ],
    ),
    Migration(
        23,
        &[3, 93],
        &[
            "CREATE TABLE traces_null (project_id String, id String) ENGINE = Null()",
            "CREATE TABLE traces_all_amt (project_id String, id String) ENGINE = AggregatingMergeTree() ORDER BY (project_id, id)",
            "CREATE MATERIALIZED VIEW traces_all_amt_mv TO traces_all_amt AS SELECT 1",
        ],
    ),
    Migration(
        24,
        &[3, 98],
        &[
            "CREATE TABLE dataset_run_items_rmt (id String, project_id String, dataset_run_id String, dataset_item_id String, \
        trace_id String, {rest}) ENGINE = ReplacingMergeTree(event_ts, is_deleted) ORDER BY (project_id, dataset_run_id, id)",
        ],
    ),
    Migration(
        25,
        &[3, 99],
        &[
            "ALTER TABLE observations ADD INDEX IF NOT EXISTS idx_metadata mapKeys(metadata) TYPE bloom_filter(0.01) GRANULARITY 1",
        ],
    ),
    Migration(
        26,
        &[3, 99],
        &[
            "ALTER TABLE observations ADD INDEX IF NOT EXISTS idx_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1",
        ],
    ),
    Migration(27, &[3, 115], &["DROP VIEW IF EXISTS project_environments_traces"]),
    Migration(28, &[3, 115], &["DROP VIEW IF EXISTS traces_all_amt_mv"]),
    Migration(
        29,
        &[3, 115],
        &["DROP TABLE IF EXISTS traces_null", "DROP TABLE IF EXISTS traces_all_amt"],
    ),
    Migration(
        30,
        &[3, 119],
        &["ALTER TABLE scores ADD COLUMN execution_trace_id Nullable(String)"],
    ),
    Migration(
        31,
        &[3, 135],
        &[
            "ALTER TABLE observations ADD COLUMN usage_pricing_tier_id Nullable(String)",
            "ALTER TABLE observations ADD COLUMN usage_pricing_tier_name Nullable(String)",
        ],
    ),
    Migration(
        32,
        &[3, 140],
        &[
            "ALTER TABLE dataset_run_items_rmt ADD COLUMN dataset_item_version Nullable(DateTime64(3))",
        ],
    ),
    Migration(
        33,
        &[3, 141],
        &["ALTER TABLE observations ADD COLUMN tool_call_names Array(String)"],
    ),
    Migration(34, &[3, 143], &["ALTER TABLE scores ADD COLUMN long_string_value String"]),
    Migration(
        35,
        &[3, 204],
        &[
            "ALTER TABLE traces ADD COLUMN ingestion_sdk_name LowCardinality(String)",
            "ALTER TABLE observations ADD COLUMN ingestion_sdk_name LowCardinality(String)",
            "ALTER TABLE scores ADD COLUMN ingestion_sdk_name LowCardinality(String)",
        ],
    ),
    Migration(
        36,
        &[3, 207],
        &["DROP VIEW IF EXISTS analytics_scores", "CREATE VIEW analytics_scores AS SELECT 1"],
    ),
    Migration(
        37,
        &[3, 223],
        &[
            "ALTER TABLE traces ADD INDEX IF NOT EXISTS idx_created created_at TYPE minmax GRANULARITY 1",
            "ALTER TABLE observations ADD INDEX IF NOT EXISTS idx_created created_at TYPE minmax GRANULARITY 1",
        ],
    ),
    Migration(
        38,
        &[4],
        &[
            "CREATE TABLE observations_batch_staging (id String, trace_id String, project_id String, s3_first_seen DateTime) \
        ENGINE = MergeTree() ORDER BY (project_id, trace_id)",
        ],
    ),
    Migration(
        39,
        &[4],
        &[
            "CREATE TABLE IF NOT EXISTS events_full (project_id String, trace_id String, span_id String, name String, \
        type LowCardinality(String), start_time DateTime64(6), {rest}, \
        INDEX idx_words name TYPE text(tokenizer = 'splitByNonAlpha') GRANULARITY 1) \
        ENGINE = ReplacingMergeTree(event_ts, is_deleted) PARTITION BY toYYYYMM(start_time) ORDER BY (project_id, trace_id, span_id)",
        ],
    ),
    Migration(
        40,
        &[4],
        &[
            "CREATE TABLE IF NOT EXISTS events_core (project_id String, trace_id String, span_id String, name String, \
        start_time DateTime64(6), {rest}) ENGINE = ReplacingMergeTree(event_ts, is_deleted) ORDER BY (project_id, trace_id, span_id)",
        ],
    ),
    Migration(
        41,
        &[4],
        &["CREATE MATERIALIZED VIEW IF NOT EXISTS events_core_mv TO events_core AS SELECT 1"],
    ),
    Migration(
        42,
        &[4],
        &["ALTER TABLE events_full ADD COLUMN ingestion_sdk_name LowCardinality(String)"],
    ),
    Migration(
        43,
        &[4],
        &[
            "ALTER TABLE events_full ADD INDEX IF NOT EXISTS idx_span span_id TYPE text(tokenizer = 'ngrams') GRANULARITY 1",
        ],
    ),
    Migration(44, &[4], &["DROP TABLE IF EXISTS event_log"]),
    Migration(45, &[4], &["DROP TABLE IF EXISTS project_environments"]),
    Migration(46, &[4], &["DROP TABLE IF EXISTS dataset_run_items"]),
];

/// Applies what is not applied yet of this version's migrations, as golang-migrate does: a number is dirty until its statements are through.
pub(super) async fn migrate(clickhouse: &ClickHouse, settings: &Settings) -> Result<(), Refusal> {
    let doing = |error: ClickHouseError| of_clickhouse("applying clickhouse migrations", &error);
    clickhouse.ask(HISTORY).await.map_err(doing)?;
    let said = clickhouse.ask(CURRENT).await.map_err(doing)?;
    let mut numbers = said.split_whitespace().map(str::parse::<u32>);
    let (current, dirty) = match (numbers.next(), numbers.next()) {
        (Some(Ok(version)), Some(Ok(dirty))) => (version, dirty != 0),
        (None, None) => (0, false),
        _ => return Err(Refusal::Final(format!("schema_migrations can't be read: {said}"))),
    };
    if dirty {
        return Err(Refusal::Final(format!(
            "error: Dirty database version {current}. Fix and force version."
        )));
    }
    let known = || MIGRATIONS.iter().filter(|Migration(_, since, _)| settings.is_at_least(since));
    if current > 0 && known().all(|Migration(number, ..)| *number != current) {
        return Err(Refusal::Final(format!("error: no migration found for version {current}")));
    }
    for Migration(number, _, statements) in
        known().filter(|Migration(number, ..)| *number > current)
    {
        tracing::info!("applying ClickHouse migration {number}");
        note(clickhouse, *number, 1).await.map_err(doing)?;
        for statement in *statements {
            clickhouse.ask(&statement.replace("{rest}", REST)).await.map_err(doing)?;
            if MigrationFault::of(settings) == Some(MigrationFault::ClickhouseKilled) {
                return Err(Refusal::killed(&number.to_string()));
            }
        }
        note(clickhouse, *number, 0).await.map_err(doing)?;
    }
    Ok(())
}

async fn note(clickhouse: &ClickHouse, number: u32, dirty: u8) -> Result<(), ClickHouseError> {
    let sequence = jiff::Timestamp::now().as_nanosecond();
    let insert = format!(
        "INSERT INTO schema_migrations (version, dirty, sequence) VALUES ({number}, {dirty}, {sequence})"
    );
    clickhouse.ask(&insert).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gap_and_versions_never_go_down() {
        let numbers: Vec<u32> = MIGRATIONS.iter().map(|Migration(number, ..)| *number).collect();
        assert_eq!(numbers, (1..=46).collect::<Vec<_>>());
        assert!(MIGRATIONS.is_sorted_by_key(|Migration(_, since, _)| *since));
    }
}
