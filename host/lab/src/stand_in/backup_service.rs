//! The stand-in for the stack's backup service, which is as optimistic as the real one and makes no backup.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    Kind, StandInError,
    database::Database,
    endpoint::Endpoints,
    server::{self, Stop},
    settings::Settings,
};

/// What is left of a dump that failed: an empty archive, which the real service takes for a backup.
const EMPTY_ARCHIVE: i64 = 20;

struct Service {
    settings: Settings,
    database: Database,
    endpoints: Endpoints,
    state: Mutex<Backups>,
    asked: Notify,
}

#[derive(Default)]
struct Backups {
    last_backup: Option<String>,
    status: Option<&'static str>,
    error: Option<String>,
    postgres: u64,
    clickhouse: u64,
    bytes: i64,
}

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let refused = |reason: String| StandInError::refused(Kind::BackupService, &reason);
    let database = Database::at(settings.required("DATABASE_URL")?);
    let database = database.map_err(|reason| refused(format!("DATABASE_URL: {reason}")))?;
    let endpoints =
        Endpoints::new().map_err(|error| refused(format!("no HTTP client: {error}")))?;
    let at_start = settings.get("BACKUP_ON_STARTUP") != Some("false");
    let state = Mutex::new(Backups::default());
    let service = Arc::new(Service { settings, database, endpoints, state, asked: Notify::new() });
    if at_start {
        service.asked.notify_one();
    }
    let routes = Router::new()
        .route("/", get(introduction))
        .route("/health", get(health))
        .route("/backup", get(backup))
        .with_state(Arc::clone(&service));
    let (served, ()) =
        tokio::join!(server::serve(&service.settings, routes, &stop), service.work(&stop));
    served
}

impl Service {
    async fn work(&self, stop: &Stop) {
        loop {
            tokio::select! {
                () = stop.wait() => return,
                () = self.asked.notified() => self.back_up().await,
            }
        }
    }

    /// Looks at all three databases. As in the real service a dump that fails counts as a backup, and only storage that
    /// can't be reached is an error.
    async fn back_up(&self) {
        self.change(|state| state.last_backup = Some(jiff::Timestamp::now().to_string()));
        let size = self.database.number("SELECT pg_database_size(current_database())", &[]).await;
        let dumped = size.unwrap_or_else(|error| {
            tracing::warn!(%error, "no dump; the real service would keep an empty archive and call it a backup");
            EMPTY_ARCHIVE
        });
        let (port, host) = (
            self.settings.get("CLICKHOUSE_PORT").unwrap_or("8123"),
            self.settings.get("CLICKHOUSE_HOST"),
        );
        let analytics = match host {
            Some(host) => {
                self.endpoints.status(&format!("http://{host}:{port}/ping"), None).await.is_ok()
            }
            None => false,
        };
        let storage = self.settings.get("MINIO_ENDPOINT").unwrap_or("minio:9000");
        let stored =
            self.endpoints.status(&format!("http://{storage}/minio/health/live"), None).await;
        self.change(|state| match stored {
            Ok(_) => {
                state.status = Some("success");
                state.error = None;
                state.postgres += 1;
                state.clickhouse += u64::from(analytics);
                state.bytes += dumped;
            }
            Err(error) => {
                state.status = Some("error");
                state.error = Some(error.to_string());
            }
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Backups) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn shape(&self) -> Value {
        self.change(|state| {
            json!({
                "last_backup": state.last_backup, "last_status": state.status.unwrap_or("pending"),
                "last_error": state.error, "postgres_backups": state.postgres,
                "clickhouse_backups": state.clickhouse, "total_size_bytes": state.bytes
            })
        })
    }
}

async fn introduction(State(service): State<Arc<Service>>) -> String {
    service.settings.introduction()
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let body =
        json!({"status": "healthy", "service": "backup-service", "backup_state": service.shape()});
    server::json(StatusCode::OK, &body)
}

/// A GET that starts a job, without any authentication.
async fn backup(State(service): State<Arc<Service>>) -> Response {
    service.asked.notify_one();
    server::json(StatusCode::ACCEPTED, &json!({"status": "backup_started"}))
}
