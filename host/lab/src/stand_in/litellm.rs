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
use serde_json::json;

use super::{
    Kind, StandInError,
    cache::Cache,
    database::Database,
    server::{self, Stop},
    settings::Settings,
};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS lab_litellm_requests (id bigserial PRIMARY KEY, \
                     at timestamptz NOT NULL DEFAULT now(), model text NOT NULL)";
const PAUSE: Duration = Duration::from_secs(1);

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
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given.and_then(|value| value.strip_prefix("Bearer ")) == Some(key) {
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
    fn described(&self, state: &str) -> serde_json::Value {
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
    let model = json!({"id": "stand-in", "object": "model", "owned_by": "lockstep-lab"});
    server::json(StatusCode::OK, &json!({"object": "list", "data": [model]}))
}

async fn complete(State(proxy): State<Arc<Proxy>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = proxy.admit(&headers) {
        return *refusal;
    }
    proxy.work("stand-in").await;
    let message = json!({"role": "assistant", "content": proxy.settings.introduction()});
    let choice = json!({"index": 0, "finish_reason": "stop", "message": message});
    server::json(
        StatusCode::OK,
        &json!({"object": "chat.completion", "model": "stand-in", "choices": [choice]}),
    )
}
