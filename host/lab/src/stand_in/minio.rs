//! The stand-in for `MinIO`'s server: it is alive, and keeps no object.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    StandInError,
    server::{self, Stop},
    settings::Settings,
};

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let settings = Arc::new(settings);
    let routes = Router::new()
        .route("/minio/health/live", get(alive))
        .route("/minio/health/ready", get(alive))
        .route("/minio/health/cluster", get(alive))
        .fallback(anything_else)
        .with_state(Arc::clone(&settings));
    server::serve(&settings, routes, &stop).await
}

async fn alive() -> Response {
    (StatusCode::OK, [(header::SERVER, "MinIO")]).into_response()
}

async fn anything_else(State(settings): State<Arc<Settings>>) -> Response {
    let message = settings.introduction();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>{}</Message></Error>",
        message.trim_end()
    );
    let headers = [(header::SERVER, "MinIO"), (header::CONTENT_TYPE, "application/xml")];
    (StatusCode::NOT_IMPLEMENTED, headers, body).into_response()
}
