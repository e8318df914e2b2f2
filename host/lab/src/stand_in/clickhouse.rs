//! The stand-in for ClickHouse's server: it tells its version and its time zone, and keeps no data.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    StandInError,
    server::{self, Stop},
    settings::Settings,
};

const NATIVE_PORT: u16 = 9000;

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let settings = Arc::new(settings);
    let routes = Router::new()
        .route("/", get(query).post(query))
        .route("/ping", get(async || "Ok.\n"))
        .route("/replicas_status", get(async || "Ok.\n"))
        .with_state(Arc::clone(&settings));
    let native = format!("{}:{NATIVE_PORT}", settings.address);
    let refused = |source| StandInError::Listen { address: native.clone(), source };
    let listener = TcpListener::bind(&native).await.map_err(refused)?;
    let (served, ()) =
        tokio::join!(server::serve(&settings, routes, &stop), accept(listener, &stop));
    served
}

/// Accepts connections of the native protocol and answers nothing: what speaks it waits, and finds no data lost.
async fn accept(listener: TcpListener, stop: &Stop) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.wait() => return,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(swallow(stream));
                }
                Err(error) => tracing::debug!(%error, "a native connection was not accepted"),
            },
        }
    }
}

async fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while let Ok(read) = stream.read(&mut bytes).await {
        if read == 0 {
            return;
        }
    }
}

async fn query(
    State(settings): State<Arc<Settings>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let text = parameters.get("query").map(String::as_str).unwrap_or_default();
    let text = format!("{text} {body}");
    let text = text.trim().trim_end_matches(';').trim();
    if text.is_empty() {
        return "Ok.\n".into_response();
    }
    if !admitted(&settings, &parameters, &headers) {
        let reason =
            "Authentication failed: password is incorrect, or there is no user with such name.";
        return refusal(StatusCode::FORBIDDEN, 516, reason, "AUTHENTICATION_FAILED");
    }
    match text.to_ascii_lowercase().as_str() {
        "select 1" => "1\n".into_response(),
        "select version()" => format!("{}\n", settings.version).into_response(),
        "select timezone()" => "UTC\n".into_response(),
        _ => {
            let reason = "this is a stand-in of `lockstep lab`; it answers SELECT 1, version() and timezone() only.";
            refusal(StatusCode::NOT_IMPLEMENTED, 48, reason, "NOT_IMPLEMENTED")
        }
    }
}

fn refusal(status: StatusCode, code: u16, reason: &str, name: &str) -> Response {
    let body = format!("Code: {code}. DB::Exception: {reason} ({name})\n");
    (status, [("x-clickhouse-exception-code", code.to_string())], body).into_response()
}

/// Whether user and password, given in one of the three places, are those of the variables.
fn admitted(
    settings: &Settings,
    parameters: &HashMap<String, String>,
    headers: &HeaderMap,
) -> bool {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let basic = header("authorization").and_then(|value| {
        let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        let (user, password) = String::from_utf8(decoded)
            .ok()?
            .split_once(':')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        Some((user, password))
    });
    let named = |user: Option<String>, password: Option<String>| {
        Some((user?, password.unwrap_or_default()))
    };
    let given = basic
        .or_else(|| named(header("x-clickhouse-user"), header("x-clickhouse-key")))
        .or_else(|| named(parameters.get("user").cloned(), parameters.get("password").cloned()))
        .unwrap_or_else(|| ("default".to_owned(), String::new()));
    let user = settings.get("CLICKHOUSE_USER").unwrap_or("default");
    let password = settings.get("CLICKHOUSE_PASSWORD").unwrap_or_default();
    given.0 == user && given.1 == password
}
