//! The stand-in for Langfuse's web service.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    super::{
        Kind, StandInError,
        cache::Cache,
        database::Database,
        endpoint::Endpoints,
        server::{self, Stop},
        settings::Settings,
    },
    queue,
};

/// Made by whichever of the two Langfuse services comes first.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS lab_langfuse_events (id bigserial PRIMARY KEY, \
                                at timestamptz NOT NULL DEFAULT now(), event text NOT NULL UNIQUE)";
const PAUSE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);

struct Web {
    settings: Settings,
    database: Database,
    cache: Option<Cache>,
    stop: Stop,
    started: String,
    events: AtomicU64,
}

/// Runs it until SIGTERM. It listens only once both databases have let its migrations through.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(Kind::LangfuseWeb, &reason);
    let is_v3 = settings.is_at_least(&[3]);
    check_encryption_key(&settings)?;
    for name in ["NEXTAUTH_SECRET", "NEXTAUTH_URL", "SALT"] {
        settings.required(name)?;
    }
    let database = Database::at(settings.required("DATABASE_URL")?);
    let database = database.map_err(|reason| refused(format!("DATABASE_URL: {reason}")))?;
    if is_v3 {
        settings.required("CLICKHOUSE_URL")?;
        // The default is a cluster; on a single node its migrations need Keeper, which is not there.
        if settings.get("CLICKHOUSE_CLUSTER_ENABLED") != Some("false") {
            return Err(refused(
                "applying ClickHouse migrations failed: there is no Zookeeper configuration in server config; \
                 CLICKHOUSE_CLUSTER_ENABLED must be \"false\" for a single node"
                    .to_owned(),
            ));
        }
    }
    let cache =
        Cache::named(&settings, "REDIS_CONNECTION_STRING", "REDIS_AUTH").map_err(refused)?;
    migrate(&settings, &database, is_v3, &stop).await?;
    let started = jiff::Timestamp::now().as_microsecond().to_string();
    let web = Arc::new(Web {
        settings,
        database,
        cache,
        stop: stop.clone(),
        started,
        events: AtomicU64::new(0),
    });
    let routes = Router::new()
        .route("/", get(introduction))
        .route("/api/public/health", get(health))
        .route("/api/public/ready", get(ready))
        .route("/api/public/ingestion", post(ingest))
        .route("/api/public/traces/{event}", get(trace))
        .with_state(Arc::clone(&web));
    let (served, ()) = tokio::join!(
        server::serve(&web.settings, routes, &stop),
        stop.every(PAUSE, || async {
            web.enqueue().await;
        })
    );
    served
}

/// Refuses a key that the real service refuses: it must be 256 bits in hexadecimal digits.
pub(crate) fn check_encryption_key(settings: &Settings) -> Result<(), StandInError> {
    let Some(key) = settings.get("ENCRYPTION_KEY") else { return Ok(()) };
    if key.len() == 64 && key.chars().all(|character| character.is_ascii_hexdigit()) {
        return Ok(());
    }
    let reason = "ENCRYPTION_KEY must be 256 bits, 64 string characters in hex format; make one with `openssl rand -hex 32`";
    Err(StandInError::refused(settings.kind, reason))
}

async fn migrate(
    settings: &Settings,
    database: &Database,
    is_v3: bool,
    stop: &Stop,
) -> Result<(), StandInError> {
    let endpoints = Endpoints::new().map_err(|error| {
        StandInError::refused(settings.kind, &format!("no HTTP client: {error}"))
    })?;
    let mut told = false;
    while !stop.requested() {
        let missing = match database.batch(TABLE).await {
            Err(error) => format!("applying database migrations: {error}"),
            Ok(()) if is_v3 => match clickhouse(settings, &endpoints).await {
                Ok(()) => return Ok(()),
                Err(reason) => format!("applying ClickHouse migrations: {reason}"),
            },
            Ok(()) => return Ok(()),
        };
        if !told {
            tracing::warn!("{missing}; trying again until it works");
            told = true;
        }
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
    Ok(())
}

async fn clickhouse(settings: &Settings, endpoints: &Endpoints) -> Result<(), String> {
    let url = format!(
        "{}/?query=SELECT%201",
        settings.get("CLICKHOUSE_URL").unwrap_or_default().trim_end_matches('/')
    );
    let user = settings.get("CLICKHOUSE_USER").unwrap_or("default");
    let password = settings.get("CLICKHOUSE_PASSWORD").unwrap_or_default();
    match endpoints.status(&url, Some((user, password))).await {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(format!("ClickHouse answered {status}")),
        Err(error) => Err(error.to_string()),
    }
}

impl Web {
    /// Puts a new event into the queue and returns its name, or `None` if Redis did not take it.
    async fn enqueue(&self) -> Option<String> {
        let cache = self.cache.as_ref()?;
        let event = format!("{}-{}", self.started, self.events.fetch_add(1, Ordering::Relaxed));
        match queue::add(cache, &event).await {
            Ok(()) => Some(event),
            Err(error) => {
                tracing::debug!(%error, "an event was not queued");
                None
            }
        }
    }
}

async fn introduction(State(web): State<Arc<Web>>) -> String {
    web.settings.introduction()
}

/// Says OK without looking at the database, unless asked to look.
async fn health(
    State(web): State<Arc<Web>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let asked = query.get("failIfDatabaseUnavailable").is_some_and(|value| value == "true");
    if asked && !web.database.answers().await {
        let body = json!({"status": "Database not available", "version": web.settings.version});
        return server::json(StatusCode::SERVICE_UNAVAILABLE, &body);
    }
    server::json(StatusCode::OK, &json!({"status": "OK", "version": web.settings.version}))
}

async fn ready(State(web): State<Arc<Web>>) -> Response {
    if web.stop.requested() {
        let body = json!({"status": "SIGTERM / SIGINT received, shutting down"});
        return server::json(StatusCode::INTERNAL_SERVER_ERROR, &body);
    }
    server::json(StatusCode::OK, &json!({"status": "OK", "version": web.settings.version}))
}

async fn ingest(State(web): State<Arc<Web>>) -> Response {
    match web.enqueue().await {
        Some(event) => {
            let accepted = json!([{"id": event, "status": 201}]);
            server::json(StatusCode::MULTI_STATUS, &json!({"successes": accepted, "errors": []}))
        }
        None => server::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"message": "Internal Server Error"}),
        ),
    }
}

/// Finds an event that the worker has written.
async fn trace(State(web): State<Arc<Web>>, Path(event): Path<String>) -> Response {
    let found = web
        .database
        .number("SELECT count(*) FROM lab_langfuse_events WHERE event = $1", &[&event])
        .await;
    let answer = |status, body: Value| server::json(status, &body);
    match found {
        Ok(0) => answer(
            StatusCode::NOT_FOUND,
            json!({"error": "LangfuseNotFoundError", "message": "Trace not found"}),
        ),
        Ok(_) => answer(StatusCode::OK, json!({"id": event, "name": "lockstep-lab stand-in"})),
        Err(error) => {
            answer(StatusCode::INTERNAL_SERVER_ERROR, json!({"message": error.to_string()}))
        }
    }
}
