//! What the promises in `it` and the measures in `bench` share: data, and writers of it that never stop.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "it is used by tests and measurements only, which fail by panicking and read the clock"
)]

pub mod api;
pub mod moments;
pub mod requests;
pub mod tables;
pub mod writers;

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

/// The stack with its cluster, and everybody who uses the database.
pub const SERVICES: [&str; 13] = [
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

/// How many nodes the cluster has.
const NODES: usize = 3;

/// How long they may take to come up.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until a server answers, and `PgPool` has every node: without a health check a deployment succeeds before that.
pub async fn up(server: &str, front: &str) {
    let all_up = async || {
        dial(server).await.ok()?;
        let nodes = dial(front).await.ok()?.simple_query("SHOW pool_nodes").await.ok()?;
        let is_up = |message: &&SimpleQueryMessage| {
            matches!(message, SimpleQueryMessage::Row(row)
                if row.get("status") == Some("up") && row.get("pg_status") == Some("up"))
        };
        (nodes.iter().filter(is_up).count() == NODES).then_some(())
    };
    let waits = async {
        while all_up().await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("everything comes up");
}

/// Runs a future to its end.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Dials a database.
///
/// # Errors
/// It can't be reached, or does not let us in.
pub async fn dial(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    drop(tokio::spawn(connection));
    Ok(client)
}
