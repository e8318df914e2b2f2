//! The stand-in for the stack's health monitor, which answers 503 in normal operation.
//!
//! It asks `LiteLLM` for `/health` without a key, gets 401, and so calls the stack degraded.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::Instant};

use super::{
    Kind, StandInError,
    cache::Cache,
    database::Database,
    endpoint::Endpoints,
    server::{self, Stop},
    settings::Settings,
};

struct Monitor {
    settings: Settings,
    database: Option<Database>,
    cache: Option<Cache>,
    endpoints: Endpoints,
    checks: Mutex<BTreeMap<&'static str, Check>>,
    asked: Notify,
}

#[derive(Clone)]
struct Check {
    status: &'static str,
    milliseconds: u128,
    at: String,
    error: Option<String>,
    failures: u64,
}

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(Kind::HealthMonitor, &reason);
    let database = settings.get("DATABASE_URL").map(Database::at).transpose();
    let database = database.map_err(|reason| refused(format!("DATABASE_URL: {reason}")))?;
    let cache = Cache::named(&settings, "REDIS_URL", "REDIS_PASSWORD").map_err(refused)?;
    let endpoints =
        Endpoints::new().map_err(|error| refused(format!("no HTTP client: {error}")))?;
    let interval = settings.get("CHECK_INTERVAL").unwrap_or("60").parse::<u64>();
    let interval = interval.map_err(|error| refused(format!("CHECK_INTERVAL: {error}")))?;
    let checks = Mutex::new(BTreeMap::new());
    let monitor =
        Arc::new(Monitor { settings, database, cache, endpoints, checks, asked: Notify::new() });
    let routes = Router::new()
        .route("/", get(introduction))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/check", get(check))
        .with_state(Arc::clone(&monitor));
    let every = Duration::from_secs(interval);
    let (served, ()) =
        tokio::join!(server::serve(&monitor.settings, routes, &stop), monitor.work(every, &stop));
    served
}

impl Monitor {
    async fn work(&self, every: Duration, stop: &Stop) {
        loop {
            self.check_all().await;
            tokio::select! {
                () = stop.wait() => return,
                () = self.asked.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    async fn check_all(&self) {
        let pages = [
            ("litellm", "LITELLM_URL", "/health"),
            ("langfuse", "LANGFUSE_URL", "/api/public/health"),
            ("langfuse-worker", "LANGFUSE_WORKER_URL", "/api/health"),
            ("clickhouse", "CLICKHOUSE_URL", "/ping"),
        ];
        for (service, variable, path) in pages {
            if let Some(url) = self.settings.get(variable) {
                let started = Instant::now();
                let url = format!("{}{path}", url.trim_end_matches('/'));
                let result = match self.endpoints.status(&url, None).await {
                    Ok(status) if status.is_success() => Ok(()),
                    Ok(status) => Err(("degraded", format!("HTTP {}", status.as_u16()))),
                    Err(error) => Err(("unhealthy", error.to_string())),
                };
                self.record(service, started, result);
            }
        }
        let lost = || Err(("unhealthy", "no answer".to_owned()));
        if let Some(database) = &self.database {
            let started = Instant::now();
            self.record(
                "postgres",
                started,
                if database.answers().await { Ok(()) } else { lost() },
            );
        }
        if let Some(cache) = &self.cache {
            let started = Instant::now();
            self.record("redis", started, if cache.answers().await { Ok(()) } else { lost() });
        }
    }

    fn record(
        &self,
        service: &'static str,
        started: Instant,
        result: Result<(), (&'static str, String)>,
    ) {
        let milliseconds = started.elapsed().as_millis();
        let at = jiff::Timestamp::now().to_string();
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = checks.get(service).map_or(0, |check| check.failures);
        let check = match result {
            Ok(()) => Check { status: "healthy", milliseconds, at, error: None, failures: 0 },
            Err((status, error)) => {
                Check { status, milliseconds, at, error: Some(error), failures: before + 1 }
            }
        };
        checks.insert(service, check);
    }

    fn checks(&self) -> BTreeMap<&'static str, Check> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn introduction(State(monitor): State<Arc<Monitor>>) -> String {
    monitor.settings.introduction()
}

async fn health(State(monitor): State<Arc<Monitor>>) -> Response {
    let checks = monitor.checks();
    let any = |status: &str| checks.values().any(|check| check.status == status);
    let overall = match () {
        () if checks.is_empty() => "unknown",
        () if any("unhealthy") => "unhealthy",
        () if any("degraded") => "degraded",
        () => "healthy",
    };
    let services: BTreeMap<&str, Value> = checks
        .iter()
        .map(|(service, check)| {
            let shape = json!({
                "status": check.status, "response_time_ms": check.milliseconds, "last_check": check.at,
                "error": check.error, "consecutive_failures": check.failures
            });
            (*service, shape)
        })
        .collect();
    let status =
        if overall == "healthy" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let timestamp = jiff::Timestamp::now().to_string();
    server::json(status, &json!({"status": overall, "timestamp": timestamp, "services": services}))
}

async fn metrics(State(monitor): State<Arc<Monitor>>) -> String {
    let mut text = String::from("# TYPE service_health gauge\n");
    for (service, check) in monitor.checks() {
        let up = u8::from(check.status == "healthy");
        if let Err(error) = writeln!(text, "service_health{{service=\"{service}\"}} {up}") {
            tracing::debug!(%error, "a metric was left out");
        }
    }
    text
}

async fn check(State(monitor): State<Arc<Monitor>>) -> Response {
    monitor.asked.notify_one();
    server::json(StatusCode::ACCEPTED, &json!({"status": "check_started"}))
}
