//! The stand-in for Langfuse's worker.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use serde_json::json;

use super::{
    super::{
        Kind, StandInError,
        cache::Cache,
        server::{self, Stop},
        settings::Settings,
    },
    background, keys, queue, requirements,
    store::{Place, Store, Trace},
    web,
};

const PAUSE: Duration = Duration::from_millis(200);

struct Worker {
    settings: Settings,
    store: Store,
    cache: Cache,
    stop: Stop,
    table_made: tokio::sync::OnceCell<()>,
}

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(Kind::LangfuseWorker, &reason);
    requirements::encryption_key(&settings)?;
    let store = web::store(&settings)?;
    settings.required("CLICKHOUSE_URL")?;
    if store.place != Place::Own {
        requirements::both(&settings)?;
    }
    let cache =
        Cache::named(&settings, "REDIS_CONNECTION_STRING", "REDIS_AUTH").map_err(refused)?;
    let cache = cache
        .ok_or_else(|| refused("REDIS_HOST or REDIS_CONNECTION_STRING is required".to_owned()))?;
    let table_made = tokio::sync::OnceCell::new();
    let worker = Arc::new(Worker { settings, store, cache, stop: stop.clone(), table_made });
    let routes = Router::new()
        .route("/", get(introduction))
        .route("/api/health", get(health))
        .route("/api/ready", get(ready))
        .with_state(Arc::clone(&worker));
    let (served, (), ()) = tokio::join!(
        server::serve(&worker.settings, routes, &stop),
        stop.every(PAUSE, || async {
            if let Err(error) = worker.drain().await {
                tracing::debug!(%error, "the queue waits");
            }
        }),
        worker.migrate()
    );
    served
}

impl Worker {
    /// Writes what waits, one trace at a time, until nothing does. A trace that can't be written stays in the queue.
    async fn drain(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.table_made.get_or_try_init(|| self.store.prepare()).await?;
        // One worker runs at a time here, so what is active and not in hand was left by one that ended.
        queue::give_back(&self.cache).await?;
        while !self.stop.requested() {
            let Some(job) = queue::take(&self.cache).await? else { break };
            if !job.event.is_empty() {
                let trace = match self.store.place {
                    Place::Own => Trace::new(&job.event, keys::NOBODYS, ""),
                    Place::Postgres | Place::Traces | Place::Both | Place::Events => {
                        self.store.bucket.get(&job.event).await?
                    }
                };
                self.store.write(&trace).await?;
            }
            queue::remove(&self.cache, &job).await?;
        }
        Ok(())
    }

    async fn migrate(&self) {
        if !matches!(self.store.place, Place::Own | Place::Postgres) {
            background::run(&self.store, &self.settings, &self.stop).await;
        }
    }

    async fn answers(&self) -> bool {
        let (database, cache) = tokio::join!(self.store.database.answers(), self.cache.answers());
        database && cache
    }
}

async fn introduction(State(worker): State<Arc<Worker>>) -> String {
    worker.settings.introduction()
}

async fn health(State(worker): State<Arc<Worker>>) -> Response {
    answer(worker.answers().await)
}

async fn ready(State(worker): State<Arc<Worker>>) -> Response {
    answer(!worker.stop.requested() && worker.answers().await)
}

fn answer(ok: bool) -> Response {
    if ok {
        server::json(StatusCode::OK, &json!({"status": "ok"}))
    } else {
        server::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"status": "error"}))
    }
}
