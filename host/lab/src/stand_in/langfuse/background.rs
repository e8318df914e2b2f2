//! Background migrations: what the worker moves from PostgreSQL to ClickHouse while it serves.
//!
//! As in the real one they are looked for once, when the worker starts, and done one after another in the order of their names. One that
//! another worker locked less than a minute ago is left alone, and then nothing is done.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{server::Stop, settings::Settings},
    fault::MigrationFault,
    store::{Store, StoreError},
};

/// The first that is to be done; one that is dormant until a variable says `true` only where that is among these.
const NEXT: &str = "SELECT coalesce(min(name), '') FROM background_migrations WHERE finished_at IS NULL AND failed_at IS NULL \
    AND (args->>'envGate' IS NULL OR args->>'envGate' = ANY($1))";
const LOCK: &str = "UPDATE background_migrations SET worker_id = 'lockstep-lab', locked_at = now() AT TIME ZONE 'UTC' WHERE name = $1 \
    AND (locked_at IS NULL OR locked_at < (now() AT TIME ZONE 'UTC') - interval '60 seconds')";
const STATE: &str = "SELECT coalesce(state->>'maxDate', args->>'maxDate', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')) \
    FROM background_migrations WHERE name = $1";
const MOVED: &str = "UPDATE background_migrations SET state = jsonb_build_object('maxDate', $2::text), locked_at = now() AT TIME ZONE 'UTC' \
    WHERE name = $1";
const FINISHED: &str = "UPDATE background_migrations SET finished_at = now() AT TIME ZONE 'UTC', locked_at = NULL WHERE name = $1";
const RELEASED: &str = "UPDATE background_migrations SET locked_at = NULL WHERE name = $1";
const FAILED: &str = "UPDATE background_migrations SET failed_at = now() AT TIME ZONE 'UTC', locked_at = NULL, failed_reason = $2 WHERE name = $1";
const STALLED: &str = "UPDATE background_migrations SET locked_at = (now() AT TIME ZONE 'UTC') - interval '10 minutes' WHERE name = $1";

/// How many rows are moved at once, as in the real one.
const BATCH: i64 = 1000;
/// How long a part takes besides its work.
const PAUSE: Duration = Duration::from_millis(100);
/// The variables that wake what is dormant.
const GATES: [&str; 2] = [
    "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL",
    "LANGFUSE_BACKGROUND_MIGRATION_V4_DROP_PID_TID_SORTING_TABLES",
];

/// What a background migration moves: the part of its name that tells, both tables, and the row in ClickHouse's words.
const MOVES: [(&str, &str, &str, &str); 4] = [
    (
        "migrate_traces_from_pg_to_ch",
        "traces",
        "traces",
        "'id', id, 'project_id', project_id, 'name', coalesce(name, ''), 'timestamp', to_char(timestamp, $3)",
    ),
    (
        "migrate_observations_from_pg_to_ch",
        "observations",
        "observations",
        "'id', id, 'project_id', project_id, 'trace_id', coalesce(trace_id, ''), 'type', type, 'name', coalesce(name, ''), \
         'start_time', to_char(start_time, $3)",
    ),
    (
        "migrate_scores_from_pg_to_ch",
        "scores",
        "scores",
        "'id', id, 'project_id', project_id, 'trace_id', trace_id, 'name', name, 'value', coalesce(value, 0), \
         'timestamp', to_char(timestamp, $3)",
    ),
    (
        "migrate_dataset_run_items_rmt_pg_to_ch",
        "dataset_run_items",
        "dataset_run_items_rmt",
        "'id', id, 'project_id', project_id, 'dataset_run_id', dataset_run_id, 'dataset_item_id', dataset_item_id, 'trace_id', trace_id",
    ),
];
/// How PostgreSQL writes a moment for ClickHouse.
const MOMENT: &str = "YYYY-MM-DD HH24:MI:SS.MS";

/// A part of what is moved.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// Rows for ClickHouse.
    rows: Vec<Value>,
    /// When the oldest of them was made; nothing where there is none.
    oldest: Option<String>,
}

/// How a background migration went.
enum Went {
    Finished,
    /// The worker is asked to end.
    Interrupted,
    Stalled,
}

/// Does them until none is left or the worker is asked to end.
pub(super) async fn run(store: &Store, settings: &Settings, stop: &Stop) {
    if settings.get("LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS") == Some("false") {
        tracing::info!(
            "LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS is false: no background migration runs"
        );
        return;
    }
    if let Err(error) = all(store, settings, stop).await {
        tracing::error!("background migrations ended: {error}");
    }
}

async fn all(store: &Store, settings: &Settings, stop: &Stop) -> Result<(), StoreError> {
    let gates: Vec<&str> = GATES.into_iter().filter(|gate| is_open(settings, gate)).collect();
    while !stop.requested() {
        let name = store.database.text(NEXT, &[&gates]).await?.unwrap_or_default();
        if name.is_empty() || store.database.execute(LOCK, &[&name]).await? == 0 {
            tracing::info!("no background migration to run");
            return Ok(());
        }
        tracing::info!("background migration {name} runs");
        if MigrationFault::of(settings) == Some(MigrationFault::BackgroundFails) {
            let reason = "lab: a fault lets this background migration fail";
            store.database.execute(FAILED, &[&name, &reason]).await?;
            return Ok(());
        }
        match one(store, settings, &name, stop).await {
            Ok(Went::Finished) => {
                store.database.execute(FINISHED, &[&name]).await?;
                tracing::info!("background migration {name} is finished");
            }
            Ok(Went::Interrupted) => {
                store.database.execute(RELEASED, &[&name]).await?;
            }
            Ok(Went::Stalled) => {
                store.database.execute(STALLED, &[&name]).await?;
                return Ok(());
            }
            Err(error) => {
                tracing::error!("background migration {name} failed: {error}");
                store.database.execute(FAILED, &[&name, &error.to_string()]).await?;
            }
        }
    }
    Ok(())
}

/// The first gate is open by itself from 4.x on.
fn is_open(settings: &Settings, gate: &str) -> bool {
    let by_itself = gate.contains("BACKFILL") && settings.is_at_least(&[4]);
    settings.get(gate).map_or(by_itself, |value| value == "true")
}

async fn one(
    store: &Store,
    settings: &Settings,
    name: &str,
    stop: &Stop,
) -> Result<Went, StoreError> {
    let stalls = MigrationFault::of(settings) == Some(MigrationFault::BackgroundStalls);
    let moves = MOVES.into_iter().find(|(what, ..)| name.ends_with(what));
    while let Some((_, from, to, row)) = moves {
        // Newest first, as the real one: `maxDate` goes back in time.
        let asked = format!(
            "WITH batch AS (SELECT * FROM {from} WHERE created_at <= (($1::text)::timestamptz AT TIME ZONE 'UTC') \
             ORDER BY created_at DESC LIMIT $2) \
             SELECT jsonb_build_object('rows', coalesce(jsonb_agg(jsonb_build_object({row}, \
             'created_at', to_char(created_at, $3), 'event_ts', to_char(created_at, $3))), '[]'), \
             'oldest', to_char(min(created_at), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))::text FROM batch"
        );
        let until = store.database.text(STATE, &[&name]).await?.unwrap_or_default();
        let batch = store.database.text(&asked, &[&until, &BATCH, &MOMENT]).await?;
        let Batch { rows, oldest } =
            serde_json::from_str(&batch.unwrap_or_default()).unwrap_or_default();
        if let Some(oldest) = oldest {
            let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
            let insert = format!("INSERT INTO {to} FORMAT JSONEachRow {}", lines.join("\n"));
            store.clickhouse.ask(&insert).await?;
            store.database.execute(MOVED, &[&name, &oldest]).await?;
        }
        if stalls {
            return Ok(Went::Stalled);
        }
        let whole = i64::try_from(rows.len()).is_ok_and(|count| count >= BATCH);
        tokio::select! {
            () = stop.wait() => return Ok(Went::Interrupted),
            () = tokio::time::sleep(PAUSE) => {}
        }
        if !whole {
            return Ok(Went::Finished);
        }
    }
    // What it would work on has no stand-in.
    Ok(if stalls { Went::Stalled } else { Went::Finished })
}
