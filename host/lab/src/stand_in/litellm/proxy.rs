//! The stand-in for `LiteLLM`'s proxy.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    super::{
        Kind, StandInError,
        cache::Cache,
        database::{Database, DatabaseError},
        server::{self, Stop},
        settings::Settings,
    },
    migration, virtual_key,
};

/// The model that it offers.
pub const MODEL: &str = "stand-in";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS lab_litellm_requests (id bigserial PRIMARY KEY, \
                     at timestamptz NOT NULL DEFAULT now(), model text NOT NULL)";
const PAUSE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);

struct Proxy {
    settings: Settings,
    database: Option<Database>,
    cache: Option<Cache>,
    table_made: tokio::sync::OnceCell<()>,
}

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(Kind::LiteLlm, &reason);
    // As the real one, it starts without a database if none is named, and its health says so.
    let database = settings.get("DATABASE_URL").map(Database::at).transpose();
    let database = database.map_err(|reason| refused(format!("DATABASE_URL: {reason}")))?;
    let cache = Cache::named(&settings, "REDIS_URL", "REDIS_PASSWORD").map_err(refused)?;
    let version =
        HeaderValue::from_str(&settings.version).unwrap_or(HeaderValue::from_static("unknown"));
    if let Some(database) = database.as_ref().filter(|_| migrates(&settings)) {
        migrate(database, &settings, &stop).await;
    }
    let proxy =
        Arc::new(Proxy { settings, database, cache, table_made: tokio::sync::OnceCell::new() });
    let routes = Router::new()
        .route("/", get(introduction))
        .route("/health", get(health))
        .route("/health/liveliness", get(alive))
        .route("/health/liveness", get(alive))
        .route("/health/readiness", get(readiness))
        .route("/health/readiness/details", get(details))
        .route("/v1/models", get(models))
        .route("/models", get(models))
        .route("/chat/completions", post(complete))
        .route("/v1/chat/completions", post(complete))
        .route("/key/generate", post(make_key))
        .route("/key/delete", post(delete_keys))
        .layer(map_response(move |mut response: Response| {
            let version = version.clone();
            async move {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static("x-litellm-version"), version);
                response
            }
        }))
        .with_state(Arc::clone(&proxy));
    let (served, ()) = tokio::join!(
        server::serve(&proxy.settings, routes, &stop),
        stop.every(PAUSE, || proxy.work("background"))
    );
    served
}

/// Whether it migrates when it starts. Without `USE_PRISMA_MIGRATE` the real one pushes its schema, which has no stand-in.
fn migrates(settings: &Settings) -> bool {
    settings.says("USE_PRISMA_MIGRATE") && !settings.says("DISABLE_SCHEMA_UPDATE")
}

/// Migrates, and tries again while the database is not there yet.
async fn migrate(database: &Database, settings: &Settings, stop: &Stop) {
    while !stop.requested() && migration::apply(database, settings).await.is_err() {
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

impl Proxy {
    /// One request's traces in both databases. What a database refuses is told in the log, and tried anew next time.
    async fn work(&self, model: &str) {
        if let Some(database) = &self.database {
            let written = async {
                self.table_made.get_or_try_init(|| database.batch(TABLE)).await?;
                database
                    .execute("INSERT INTO lab_litellm_requests (model) VALUES ($1)", &[&model])
                    .await
            };
            if let Err(error) = written.await {
                tracing::debug!(%error, "no row for this request");
            }
        }
        if let Some(cache) = &self.cache {
            let key = format!("lab:litellm:cache:{model}");
            let command = redis::cmd("SET")
                .arg(key)
                .arg(jiff::Timestamp::now().to_string())
                .arg("EX")
                .arg(600)
                .clone();
            if let Err(error) = cache.send::<()>(&command).await {
                tracing::debug!(%error, "nothing cached for this request");
            }
        }
    }

    async fn database_state(&self) -> &'static str {
        match &self.database {
            None => "Not connected",
            Some(database) if database.answers().await => "connected",
            Some(_) => "disconnected",
        }
    }

    /// Refuses a request without the master key, if there is a master key.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let Some(key) = self.settings.get("LITELLM_MASTER_KEY") else { return Ok(()) };
        let given = given(headers);
        if given == Some(key) {
            return Ok(());
        }
        let reason = if given.is_some() {
            "Invalid proxy server token passed"
        } else {
            "No api key passed in."
        };
        let message = format!("Authentication Error, {reason}");
        let body = json!({"error": {"message": message, "type": "auth_error", "param": "None", "code": "401"}});
        Err(Box::new(server::json(StatusCode::UNAUTHORIZED, &body)))
    }
}

/// The key that a request is sent with: that of the header of its own counts before the usual one.
fn given(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = text("x-litellm-api-key").or_else(|| text("authorization"))?;
    given.strip_prefix("Bearer ")
}

async fn introduction(State(proxy): State<Arc<Proxy>>) -> String {
    proxy.settings.introduction()
}

async fn alive() -> Response {
    server::json(StatusCode::OK, &json!("I'm alive!"))
}

/// Calls every model, so each request costs as much as one to each of them; here that is a row.
async fn health(State(proxy): State<Arc<Proxy>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = proxy.admit(&headers) {
        return *refusal;
    }
    proxy.work("health-check").await;
    let healthy = json!([{"model": "stand-in", "litellm_provider": "lockstep-lab"}]);
    let body = json!({
        "healthy_endpoints": healthy, "unhealthy_endpoints": [], "healthy_count": 1, "unhealthy_count": 0
    });
    server::json(StatusCode::OK, &body)
}

/// Up to 1.83 always 200 and with the version; from 1.84 on 503 without a database and without the version.
async fn readiness(State(proxy): State<Arc<Proxy>>) -> Response {
    let state = proxy.database_state().await;
    if proxy.settings.is_at_least(&[1, 84]) {
        let status =
            if state == "disconnected" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        return server::json(status, &json!({"status": "healthy", "db": state}));
    }
    server::json(StatusCode::OK, &proxy.described(state))
}

async fn details(State(proxy): State<Arc<Proxy>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = proxy.admit(&headers) {
        return *refusal;
    }
    if !proxy.settings.is_at_least(&[1, 84]) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let state = proxy.database_state().await;
    server::json(StatusCode::OK, &proxy.described(state))
}

impl Proxy {
    fn described(&self, state: &str) -> Value {
        json!({
            "status": "healthy", "db": state, "cache": self.cache.as_ref().map(|_| "redis"),
            "litellm_version": self.settings.version, "success_callbacks": ["lockstep-lab stand-in"]
        })
    }
}

async fn models(State(proxy): State<Arc<Proxy>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = proxy.admit(&headers) {
        return *refusal;
    }
    let model = json!({"id": MODEL, "object": "model", "owned_by": "lockstep-lab"});
    server::json(StatusCode::OK, &json!({"object": "list", "data": [model]}))
}

/// Answers with the mock answer that stands in the request, or by saying what it is: no model is called.
async fn complete(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: String) -> Response {
    let made = match proxy.made_key(&headers).await {
        Ok(made) => made,
        Err(refusal) => return *refusal,
    };
    proxy.work(MODEL).await;
    let moment = jiff::Timestamp::now().as_nanosecond().to_string();
    let request = format!("chatcmpl-lab-{moment}");
    if let (Some(database), Some(key)) = (&proxy.database, made)
        && let Err(error) = virtual_key::spend(database, &request, &key).await
    {
        tracing::warn!(%error, "no row of spend for this request");
    }
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let mock = asked.get("mock_response").and_then(Value::as_str).map(str::to_owned);
    let content = mock.unwrap_or_else(|| proxy.settings.introduction());
    let message = json!({"role": "assistant", "content": content});
    let choice = json!({"index": 0, "finish_reason": "stop", "message": message});
    server::json(
        StatusCode::OK,
        &json!({"id": request, "object": "chat.completion", "model": MODEL, "choices": [choice]}),
    )
}

impl Proxy {
    /// Refuses a request that has neither the master key nor one that was made here; returns the latter.
    async fn made_key(&self, headers: &HeaderMap) -> Result<Option<String>, Box<Response>> {
        let Err(refusal) = self.admit(headers) else { return Ok(None) };
        let (Some(database), Some(key)) = (&self.database, given(headers)) else {
            return Err(refusal);
        };
        match virtual_key::is_known(database, key).await {
            Ok(true) => Ok(Some(key.to_owned())),
            Ok(false) => Err(refusal),
            Err(error) => Err(Box::new(unwritten(&error))),
        }
    }

    /// The database, for a request with the master key.
    fn with_database(&self, headers: &HeaderMap) -> Result<&Database, Box<Response>> {
        self.admit(headers)?;
        self.database.as_ref().ok_or_else(|| {
            let body =
                json!({"error": {"message": "No connected db.", "type": "no_db_connection"}});
            Box::new(server::json(StatusCode::INTERNAL_SERVER_ERROR, &body))
        })
    }
}

fn unwritten(error: &DatabaseError) -> Response {
    let body = json!({"error": {"message": error.to_string(), "type": "no_db_connection"}});
    server::json(StatusCode::INTERNAL_SERVER_ERROR, &body)
}

async fn make_key(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: String) -> Response {
    let database = match proxy.with_database(&headers) {
        Ok(database) => database,
        Err(refusal) => return *refusal,
    };
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let metadata = asked.get("metadata").cloned().unwrap_or_else(|| json!({}));
    match virtual_key::make(database, &metadata).await {
        Ok(key) => server::json(StatusCode::OK, &json!({"key": key})),
        Err(error) => unwritten(&error),
    }
}

async fn delete_keys(
    State(proxy): State<Arc<Proxy>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let database = match proxy.with_database(&headers) {
        Ok(database) => database,
        Err(refusal) => return *refusal,
    };
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let named = asked.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let keys: Vec<String> = named.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    match virtual_key::delete(database, &keys).await {
        Ok(deleted) => server::json(StatusCode::OK, &deleted),
        Err(error) => unwritten(&error),
    }
}
