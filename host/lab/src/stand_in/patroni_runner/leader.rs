//! Waiting until somebody leads, so that an empty node never makes a cluster of its own.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{super::endpoint::Endpoints, error::RunnerError};

/// What Railway's runner waits, and how often it asks.
const PATIENCE: Duration = Duration::from_mins(5);
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Asks etcd for the leader of `scope` until it knows one.
pub(super) async fn wait(
    endpoints: &Endpoints,
    hosts: &str,
    scope: &str,
) -> Result<(), RunnerError> {
    tracing::info!("waiting until somebody leads the cluster {scope}");
    let key = STANDARD.encode(format!("/service/{scope}/leader"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        for host in hosts.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            match is_known(endpoints, host, &key).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "{host} does not answer"),
            }
        }
        if Instant::now() > deadline {
            let (scope, seconds) = (scope.to_owned(), PATIENCE.as_secs());
            return Err(RunnerError::NoLeader { scope, seconds });
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn is_known(endpoints: &Endpoints, host: &str, key: &str) -> Result<bool, reqwest::Error> {
    let answer =
        endpoints.post(&format!("http://{host}/v3/kv/range"), &json!({ "key": key })).await?;
    Ok(answer.get("kvs").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty()))
}
