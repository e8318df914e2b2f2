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
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        Kind, StandInError,
        cache::Cache,
        database::Database,
        server::{self, Stop},
        settings::Settings,
    },
    bucket::Bucket,
    clickhouse::ClickHouse,
    keys, queue,
    start::start,
    store::{Place, Store, Trace},
};

const PAUSE: Duration = Duration::from_secs(1);

struct Web {
    settings: Settings,
    store: Store,
    cache: Option<Cache>,
    stop: Stop,
    started: String,
    events: AtomicU64,
}

/// What is asked to be taken in.
#[derive(Deserialize)]
struct Ingestion {
    batch: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    body: Body,
}

#[derive(Default, Deserialize)]
struct Body {
    id: Option<String>,
    name: Option<String>,
}

/// The databases that the variables name, and where traces are in them.
pub(super) fn store(settings: &Settings) -> Result<Store, StandInError> {
    let refused = |reason: String| StandInError::refused(settings.kind, &reason);
    let database = Database::at(settings.required("DATABASE_URL")?)
        .map_err(|reason| refused(format!("DATABASE_URL: {reason}")))?;
    let client = |error: reqwest::Error| refused(format!("no HTTP client: {error}"));
    let clickhouse = ClickHouse::named(settings).map_err(client)?;
    let bucket = Bucket::named(settings).map_err(client)?;
    Ok(Store { database, clickhouse, bucket, place: Place::of(settings) })
}

/// Runs it until SIGTERM. It listens only once both databases have let its migrations through.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(Kind::LangfuseWeb, &reason);
    let store = store(&settings)?;
    let cache =
        Cache::named(&settings, "REDIS_CONNECTION_STRING", "REDIS_AUTH").map_err(refused)?;
    start(&store, &settings, &stop).await?;
    let started = jiff::Timestamp::now().as_microsecond().to_string();
    let web = Arc::new(Web {
        settings,
        store,
        cache,
        stop: stop.clone(),
        started,
        events: AtomicU64::new(0),
    });
    let routes = Router::new()
        .route("/", get(introduction))
        .route("/api/public/health", get(health))
        .route("/api/public/ready", get(ready))
        .route("/api/public/projects", get(projects))
        .route("/api/public/ingestion", post(ingest))
        .route("/api/public/traces/{event}", get(trace))
        .route("/api/public/v2/observations", get(observations))
        .with_state(Arc::clone(&web));
    let (served, ()) = tokio::join!(
        server::serve(&web.settings, routes, &stop),
        stop.every(PAUSE, || async {
            let (id, project) = (web.next(), web.settings.get("LANGFUSE_INIT_PROJECT_ID"));
            let trace = Trace::new(&id, project.unwrap_or(keys::NOBODYS), "lockstep-lab stand-in");
            web.take_in(&trace).await;
        })
    );
    served
}

impl Web {
    /// A name that no trace has yet.
    fn next(&self) -> String {
        format!("{}-{}", self.started, self.events.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a trace in 2.x; uploads it and queues it for the worker from 3.x on. Returns whether that is done.
    async fn take_in(&self, trace: &Trace) -> bool {
        if self.store.place == Place::Postgres {
            let written = self.store.write(trace).await;
            return written
                .inspect_err(|error| tracing::debug!(%error, "a trace was not written"))
                .is_ok();
        }
        let Some(cache) = &self.cache else { return false };
        let queued = match self.store.place {
            Place::Own => trace.id.clone(),
            Place::Postgres | Place::Traces | Place::Both | Place::Events => {
                match self.store.bucket.put(trace).await {
                    Ok(key) => key,
                    Err(error) => {
                        tracing::warn!("an event was not uploaded: {error}");
                        return false;
                    }
                }
            }
        };
        queue::add(cache, &queued)
            .await
            .inspect_err(|error| tracing::debug!(%error, "a trace was not queued"))
            .is_ok()
    }

    /// The project whose key a request has, or what it is answered in its place.
    async fn project(&self, headers: &HeaderMap) -> Result<String, Box<Response>> {
        let (status, body) = match keys::project(&self.store, &self.settings, headers).await {
            Ok(Some(project)) => return Ok(project),
            Ok(None) => (
                StatusCode::UNAUTHORIZED,
                json!({"error": "UnauthorizedError", "message": "Invalid credentials."}),
            ),
            Err(error) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({"error": "Internal Server Error", "message": error.to_string()}),
            ),
        };
        Err(Box::new(server::json(status, &body)))
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
    if asked && !web.store.database.answers().await {
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

async fn projects(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    match web.project(&headers).await {
        Ok(project) => {
            let listed = json!([{"id": project, "name": project, "metadata": {}}]);
            server::json(StatusCode::OK, &json!({ "data": listed }))
        }
        Err(refusal) => *refusal,
    }
}

/// Takes traces in; the stand-in has no use for events of other kinds.
async fn ingest(State(web): State<Arc<Web>>, headers: HeaderMap, body: String) -> Response {
    let project = match web.project(&headers).await {
        Ok(project) => project,
        Err(refusal) => return *refusal,
    };
    let asked: Ingestion = match serde_json::from_str(&body) {
        Ok(asked) => asked,
        Err(error) => {
            let body = json!({"message": "Invalid request data", "errors": [error.to_string()]});
            return server::json(StatusCode::BAD_REQUEST, &body);
        }
    };
    let (mut successes, mut errors) = (Vec::new(), Vec::new());
    for Event { id, kind, body } in asked.batch {
        let trace = body.id.unwrap_or_else(|| web.next());
        let id = id.unwrap_or_else(|| trace.clone());
        if kind != "trace-create" || web.store.place == Place::Events {
            errors.push(json!({"id": id, "status": 400, "message": "Event type not accepted"}));
            continue;
        }
        let name = body.name.unwrap_or_default();
        if !web.take_in(&Trace::new(&trace, &project, &name)).await {
            let body = json!({"message": "Internal Server Error"});
            return server::json(StatusCode::INTERNAL_SERVER_ERROR, &body);
        }
        successes.push(json!({"id": id, "status": 201}));
    }
    let body = json!({"successes": successes, "errors": errors});
    server::json(StatusCode::MULTI_STATUS, &body)
}

/// Finds a trace that was written.
async fn trace(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let project = match web.project(&headers).await {
        Ok(project) => project,
        Err(refusal) => return *refusal,
    };
    if web.store.place == Place::Events {
        let message = "This endpoint is not there in the mode events_only";
        return server::json(StatusCode::NOT_FOUND, &json!({ "message": message }));
    }
    match web.store.find(&id, &project).await {
        Ok(None) => {
            let body = json!({"error": "LangfuseNotFoundError", "message": "Trace not found"});
            server::json(StatusCode::NOT_FOUND, &body)
        }
        Ok(Some(name)) => {
            server::json(StatusCode::OK, &json!({"id": id, "name": name, "projectId": project}))
        }
        Err(error) => {
            let body = json!({"message": error.to_string()});
            server::json(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

/// Finds what was written of the trace that `traceId` names, which is how 4.x shows it.
async fn observations(
    State(web): State<Arc<Web>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let project = match web.project(&headers).await {
        Ok(project) => project,
        Err(refusal) => return *refusal,
    };
    let id = query.get("traceId").map(String::as_str).unwrap_or_default();
    match web.store.find(id, &project).await {
        Ok(found) => {
            let rows: Vec<Value> = found
                .map(|name| json!({"id": format!("t-{id}"), "traceId": id, "name": name}))
                .into_iter()
                .collect();
            server::json(StatusCode::OK, &json!({ "data": rows, "meta": {} }))
        }
        Err(error) => {
            let body = json!({"message": error.to_string()});
            server::json(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}
