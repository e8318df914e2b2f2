//! What all stand-ins share as servers: the port, the header that says what they are, the end.

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use super::{StandInError, settings::Settings};

/// How long answers under way may still take after SIGTERM.
const FINISHING: Duration = Duration::from_secs(2);

/// Tells when the stand-in has been asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    /// Whether it has.
    pub(crate) fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it has.
    pub(crate) async fn wait(&self) {
        let mut receiver = self.0.clone();
        // A sender that is gone can ask for nothing any more, so that is an end too.
        if let Err(error) = receiver.wait_for(|stopping| *stopping).await {
            tracing::debug!(%error, "nobody is left to ask for the end");
        }
    }

    /// Repeats `work`, with a pause before each time but the first, until the end is asked for.
    pub(crate) async fn every<F: Future<Output = ()>>(
        &self,
        pause: Duration,
        mut work: impl FnMut() -> F,
    ) {
        while !self.requested() {
            work().await;
            tokio::select! {
                () = self.wait() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// Serves `routes` until SIGTERM, and a short while longer for answers under way.
pub(crate) async fn serve(
    settings: &Settings,
    routes: Router,
    stop: &Stop,
) -> Result<(), StandInError> {
    let address = format!("{}:{}", settings.address, settings.port);
    let refused = |source| StandInError::Listen { address: address.clone(), source };
    let listener = TcpListener::bind(&address).await.map_err(refused)?;
    tracing::info!("listening on {address}");
    let introduction = settings.introduction();
    let label = HeaderValue::from_str(introduction.trim_end())
        .unwrap_or(HeaderValue::from_static("stand-in"));
    let routes = routes.layer(from_fn(move |request: Request, next: Next| {
        let label = label.clone();
        async move {
            let mut response = next.run(request).await;
            response.headers_mut().insert(HeaderName::from_static("x-lockstep-lab"), label);
            response
        }
    }));
    let ending = stop.clone();
    let serving =
        axum::serve(listener, routes).with_graceful_shutdown(async move { ending.wait().await });
    tokio::select! {
        ended = async { serving.await } => ended.map_err(StandInError::Serve),
        () = async { stop.wait().await; tokio::time::sleep(FINISHING).await } => Ok(()),
    }
}

/// An answer of JSON.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
