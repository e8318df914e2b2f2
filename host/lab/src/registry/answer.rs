//! The registry's HTTP side: manifests and tag lists of the OCI distribution protocol.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::image::{Image, plain};
use crate::twin::Twin;

/// Returns the routes below `/v2`.
pub(crate) fn routes() -> Router<Arc<Twin>> {
    Router::new()
        .route("/v2/", get(|| async { Json(json!({})) }))
        .route("/v2/{*path}", get(document))
}

async fn document(State(twin): State<Arc<Twin>>, Path(path): Path<String>) -> Response {
    if let Some((name, reference)) = path.rsplit_once("/manifests/") {
        return manifest(&twin, name, reference);
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        let tags: Vec<String> = twin.registry(|registry| {
            registry.tags(&plain(name)).into_iter().map(str::to_owned).collect()
        });
        return match tags.as_slice() {
            [] => refused(
                "NAME_UNKNOWN",
                &format!("repository `{name}` is not in the lab's registry"),
            ),
            _ => Json(json!({ "name": name, "tags": tags })).into_response(),
        };
    }
    refused(
        "UNSUPPORTED",
        &format!("the lab's registry serves manifests and tags, not `/v2/{path}`"),
    )
}

fn manifest(twin: &Twin, name: &str, reference: &str) -> Response {
    let repository = plain(name);
    let image = if reference.starts_with("sha256:") {
        Image { repository, tag: String::new(), digest: Some(reference.to_owned()) }
    } else {
        Image { repository, tag: reference.to_owned(), digest: None }
    };
    let found = twin.registry(|registry| {
        let pulled = registry.pull(&image)?;
        let manifest = registry.manifest(&pulled.digest)?.to_owned();
        Some((pulled.digest, manifest))
    });
    match found {
        Some((digest, manifest)) => {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                header::HeaderValue::from_static("application/vnd.oci.image.manifest.v1+json"),
            );
            if let Ok(digest) = digest.parse() {
                headers.insert(HeaderName::from_static("docker-content-digest"), digest);
            }
            (headers, manifest).into_response()
        }
        None => refused("MANIFEST_UNKNOWN", &format!("`{name}` has no `{reference}`")),
    }
}

fn refused(code: &str, message: &str) -> Response {
    let body: Value = json!({ "errors": [{ "code": code, "message": message }] });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
