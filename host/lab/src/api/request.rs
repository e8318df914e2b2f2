//! The API's HTTP side: status codes, headers, faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use apollo_compiler::Schema;
use apollo_compiler::ast::OperationType;
use apollo_compiler::validation::Valid;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::caller::Caller;
use super::connection::Cut;
use super::execute::{self, Body, Malformed, Prepared};
use super::refusal::Refusal;
use crate::faults::Answer;
use crate::twin::Twin;
use crate::{identity, strike};

/// Requests an hour on Railway's Pro plan; counted and told, not enforced.
const LIMIT: u32 = 10_000;

/// What the API's handler needs.
#[derive(Debug)]
struct Api {
    twin: Arc<Twin>,
    schema: Valid<Schema>,
    requests: AtomicU32,
}

/// Returns the API's routes.
pub(crate) fn routes(twin: Arc<Twin>, schema: Valid<Schema>) -> Router {
    let api = Arc::new(Api { twin, schema, requests: AtomicU32::new(0) });
    Router::new().route("/graphql/v2", post(graphql)).with_state(api)
}

async fn graphql(
    State(api): State<Arc<Api>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let count = api.requests.fetch_add(1, Ordering::Relaxed);
    let (answer, delay) = api.twin.faults(|faults| (faults.answer(), faults.delay()));
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = match answer {
        Answer::Usual => api.answer(&headers, &body, count, &connection),
        Answer::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            Json(errors(&["Not Authorized"], "INTERNAL_SERVER_ERROR", count)),
        )
            .into_response(),
        Answer::TooManyRequests { retry_after } => {
            let body = errors(
                &["You are being ratelimited. Please try again later"],
                "INTERNAL_SERVER_ERROR",
                count,
            );
            let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            response
        }
        Answer::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT.into_response(),
        Answer::Cut => {
            connection.cut();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    };
    let reset =
        u64::try_from(api.twin.clock.now().as_second()).unwrap_or_default() / 3600 * 3600 + 3600;
    for (name, value) in [
        ("x-ratelimit-limit", HeaderValue::from(LIMIT)),
        ("x-ratelimit-remaining", HeaderValue::from(LIMIT - 1 - count % LIMIT)),
        ("x-ratelimit-reset", HeaderValue::from(reset)),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

impl Api {
    fn answer(&self, headers: &HeaderMap, body: &[u8], count: u32, connection: &Cut) -> Response {
        let prepared = serde_json::from_slice::<Body>(body)
            .map_err(|error| Malformed {
                code: "BAD_USER_INPUT",
                messages: vec![error.to_string()],
            })
            .and_then(|body| execute::prepare(&self.schema, body));
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(Malformed { code, messages }) => {
                let messages: Vec<_> = messages.iter().map(String::as_str).collect();
                return (StatusCode::BAD_REQUEST, Json(errors(&messages, code, count)))
                    .into_response();
            }
        };
        let (mut response, done) = self.execute(headers, &prepared);
        trace(&mut response, count);
        if !done.is_empty() {
            let dropped = self.twin.faults(|faults| {
                faults.follow(&done);
                faults.drops_reply(&done)
            });
            if dropped {
                connection.cut();
            }
            strike::strike(&self.twin);
        }
        Json(response).into_response()
    }

    fn execute(&self, headers: &HeaderMap, prepared: &Prepared) -> (Value, Vec<String>) {
        let refused = |refusal: &Refusal| {
            let error =
                json!({ "message": refusal.to_string(), "extensions": { "code": refusal.code() } });
            (json!({ "data": null, "errors": [error] }), Vec::new())
        };
        let caller = match self.twin.read(|state| Caller::of(headers, state)) {
            Ok(caller) => caller,
            Err(refusal) => return refused(&refusal),
        };
        let missing = prepared.not_served();
        if !missing.is_empty() {
            return refused(&Refusal::NotServed(missing.join(", ")));
        }
        let executed = match prepared.kind() {
            Some(OperationType::Mutation) => {
                self.twin.write(|state| prepared.execute(&self.schema, &self.twin, state, caller))
            }
            Some(OperationType::Query | OperationType::Subscription) | None => {
                self.twin.examine(|state| prepared.execute(&self.schema, &self.twin, state, caller))
            }
        };
        (executed.response, executed.done)
    }
}

fn errors(messages: &[&str], code: &str, count: u32) -> Value {
    let all = messages
        .iter()
        .map(|message| json!({ "message": message, "extensions": { "code": code } }));
    let mut response = json!({ "errors": all.collect::<Vec<_>>() });
    trace(&mut response, count);
    response
}

/// Gives each error the request's trace id.
fn trace(response: &mut Value, count: u32) {
    let id: String = identity::hex(&["trace", &count.to_string()]).chars().take(19).collect();
    let all = response.get_mut("errors").and_then(Value::as_array_mut);
    for error in all.into_iter().flatten().filter_map(Value::as_object_mut) {
        error.insert("traceId".to_owned(), json!(id));
    }
}
