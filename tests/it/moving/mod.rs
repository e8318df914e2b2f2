//! PostgreSQL to a cluster and back, while writers write: no acknowledged row is lost, and none is there twice.

mod job;
mod writers;

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use crate::stage::{Stage, block_on};
use writers::{Told, Writers, dial};

/// The stack with its cluster, and everybody who uses the database.
const SERVICES: [&str; 13] = [
    "postgres",
    "redis",
    "clickhouse",
    "minio",
    "litellm",
    "langfuse-web",
    "langfuse-worker",
    "backup-service",
    "health-monitor",
    "pg-0",
    "pg-1",
    "pg-2",
    "pgpool",
];

/// Tables with the traps of the real ones: mixed case, a key that is no primary key, numbers from a sequence, a generated column.
const TABLES: &str = "\
    CREATE TABLE ledger(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer int NOT NULL, number bigint NOT NULL, \
      twice bigint GENERATED ALWAYS AS (number * 2) STORED); \
    CREATE INDEX ledger_by_writer ON ledger(writer, number); \
    CREATE TABLE \"LiteLLM_SpendLogs\"(request_id text PRIMARY KEY, spend double precision, \"startTime\" timestamptz); \
    CREATE TABLE media(project_id text NOT NULL, id text NOT NULL, sha text, UNIQUE (project_id, id)); \
    INSERT INTO \"LiteLLM_SpendLogs\" SELECT 'r' || n, n / 7.0, now() FROM generate_series(1, 30000) n; \
    INSERT INTO media SELECT 'p' || n % 7, 'm' || n, md5(n::text) FROM generate_series(1, 3000) n";

struct Move {
    stage: Stage,
    old: String,
    new: String,
}

impl Move {
    fn begin() -> Self {
        let only = SERVICES.iter().flat_map(|service| ["--only", service]);
        let words: Vec<&str> = ["--stack", "beside-cluster"].into_iter().chain(only).collect();
        let stage = Stage::up(&words);
        let (old, front) = (stage.env("DATABASE_URL"), stage.env("PGPOOL_DATABASE_URL"));
        let database = old.rsplit('/').next().unwrap().to_owned();
        let new = format!("{}/{database}", front.rsplit_once('/').unwrap().0);
        block_on(whole(&front));
        block_on(async { dial(&old).await.unwrap().batch_execute(TABLES).await.unwrap() });
        Self { stage, old, new }
    }
}

/// Waits until `PgPool` has every node: without a health check a deployment succeeds before its server answers.
async fn whole(front: &str) {
    let all_up = async || {
        let nodes = dial(front).await.ok()?.simple_query("SHOW pool_nodes").await.ok()?;
        let is_up = |message: &&SimpleQueryMessage| {
            matches!(message, SimpleQueryMessage::Row(row)
                if row.get("status") == Some("up") && row.get("pg_status") == Some("up"))
        };
        let up = nodes.iter().filter(is_up);
        (up.count() == 3).then_some(())
    };
    let waits = async {
        while all_up().await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), waits).await.expect("the cluster is whole");
}

/// Everything that was acknowledged is in this database, each row once.
#[track_caller]
fn has_all(url: &str, told: &Told) {
    let rows = block_on(async {
        let client = dial(url).await.unwrap();
        client
            .query("SELECT writer, number, count(*) FROM ledger GROUP BY 1, 2", &[])
            .await
            .unwrap()
    });
    let found: std::collections::BTreeMap<(i32, i64), i64> =
        rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "written twice: {twice:?}");
    let lost: Vec<_> = told.acknowledged.iter().filter(|it| !found.contains_key(*it)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), told.acknowledged.len());
}

#[test]
fn postgresql_moves_to_a_cluster_and_back_while_writers_write_and_loses_no_row() {
    let it = Move::begin();
    let writers = Writers::start(8, [&it.old, &it.new]);
    writers.have_written();
    let moved =
        it.stage.lockstep(&["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"]);
    moved.expect(10);
    writers.have_written();
    let told = writers.told();
    assert!(told.at.iter().all(|at| *at == 1), "every writer is at the cluster: {told:?}");
    has_all(&it.new, &told);
    let sealed = block_on(async {
        let old = dial(&it.old).await.unwrap();
        old.execute("INSERT INTO ledger(writer, number) VALUES (99, 1)", &[]).await.unwrap_err()
    });
    assert_eq!(sealed.code().unwrap().code(), "25006", "the old side takes no writes");

    let run = it.stage.run();
    it.stage.lockstep(&["rollback", &run, "--yes"]).expect(11);
    writers.have_written();
    let told = writers.end();
    assert!(told.at.iter().all(|at| *at == 0), "every writer is back: {told:?}");
    has_all(&it.old, &told);
}
