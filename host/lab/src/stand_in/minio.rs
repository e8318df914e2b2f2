//! The stand-in for `MinIO`'s server: it keeps objects in the folders that are its buckets, and gives them to whoever signs for them.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    StandInError,
    server::{self, Stop},
    settings::Settings,
    signature::{SIGNED, Signed},
};

/// The folder in the image whose folders are buckets.
pub(crate) const DATA: &str = "/data";
/// The variable that tells the stand-in where that folder is.
pub(crate) const FOLDER_VARIABLE: &str = "LOCKSTEP_LAB_BUCKETS";

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let settings = Arc::new(settings);
    let routes = Router::new()
        .route("/minio/health/live", get(alive))
        .route("/minio/health/ready", get(alive))
        .route("/minio/health/cluster", get(alive))
        .fallback(object)
        .with_state(Arc::clone(&settings));
    server::serve(&settings, routes, &stop).await
}

async fn alive() -> Response {
    (StatusCode::OK, [(header::SERVER, "MinIO")]).into_response()
}

async fn object(
    State(settings): State<Arc<Settings>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let unknown = || {
        let message = settings.introduction();
        refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message.trim_end())
    };
    let Some(folder) = settings.get(FOLDER_VARIABLE).map(Path::new) else { return unknown() };
    let Some((bucket, place)) = place(folder, uri.path()) else { return unknown() };
    if let Err(code) = admitted(&settings, &method, &uri, &headers) {
        return refusal(StatusCode::FORBIDDEN, code, "the request is not signed by who may");
    }
    let is_bucket = bucket == place;
    let makes_bucket = is_bucket && method == Method::PUT;
    if !bucket.is_dir() && !makes_bucket {
        return refusal(StatusCode::NOT_FOUND, "NoSuchBucket", "there is no such bucket");
    }
    match method {
        Method::PUT => {
            let folder = if is_bucket { Some(place.as_path()) } else { place.parent() };
            let made = folder.map_or(Ok(()), std::fs::create_dir_all);
            let kept =
                made.and_then(|()| if is_bucket { Ok(()) } else { std::fs::write(&place, &body) });
            match kept {
                Ok(()) => alive().await,
                Err(error) => {
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    refusal(status, "InternalError", &error.to_string())
                }
            }
        }
        Method::GET | Method::HEAD if is_bucket => alive().await,
        Method::GET | Method::HEAD => match std::fs::read(&place) {
            Ok(bytes) => ([(header::SERVER, "MinIO")], bytes).into_response(),
            Err(error) => refusal(StatusCode::NOT_FOUND, "NoSuchKey", &error.to_string()),
        },
        _ => unknown(),
    }
}

/// The folder of a path's bucket, and where the path leads; nothing where it leads outside.
fn place(folder: &Path, path: &str) -> Option<(PathBuf, PathBuf)> {
    let inside = Path::new(path.strip_prefix('/')?);
    let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    let bucket = inside.components().next().filter(|_| plain)?;
    Some((folder.join(bucket), folder.join(inside)))
}

/// Refuses what is not signed with the root user's secret.
fn admitted(
    settings: &Settings,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), &'static str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(given), Some(host), Some(moment)) =
        (header("authorization"), header("host"), header("x-amz-date"))
    else {
        return Err("AccessDenied");
    };
    let credential = given.split("Credential=").nth(1).unwrap_or_default();
    let mut scope = credential.split('/');
    let (access, region) = (scope.next().unwrap_or_default(), scope.nth(1).unwrap_or_default());
    if Some(access) != settings.get("MINIO_ROOT_USER") {
        return Err("InvalidAccessKeyId");
    }
    if !given.contains(&format!("SignedHeaders={SIGNED},")) {
        return Err("SignatureDoesNotMatch");
    }
    let signed = Signed { method: method.as_str(), path: uri.path(), host, moment, region, access };
    let secret = settings.get("MINIO_ROOT_PASSWORD").unwrap_or_default();
    if signed.authorization(secret) == given { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let headers = [(header::SERVER, "MinIO"), (header::CONTENT_TYPE, "application/xml")];
    (status, headers, body).into_response()
}
