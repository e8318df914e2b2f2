//! Asking other services over HTTP.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks other services of the stack, over plain HTTP as inside Railway's network.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints(Client);

impl Endpoints {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        // The client must be given TLS settings, though it meets none here; with no roots it trusts nobody.
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = Client::builder().timeout(PATIENCE).no_proxy();
        let builder = match rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
        {
            Ok(tls) => builder.tls_backend_preconfigured(
                tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
            ),
            Err(error) => {
                tracing::warn!(%error, "no TLS");
                builder
            }
        };
        builder.build().map(Self)
    }

    /// The status of a GET, with a user and password where there is one.
    pub(crate) async fn status(
        &self,
        url: &str,
        user: Option<(&str, &str)>,
    ) -> Result<StatusCode, reqwest::Error> {
        let request = self.0.get(url);
        let request = match user {
            Some((name, password)) => request.basic_auth(name, Some(password)),
            None => request,
        };
        // The URL may hold a password, so an error goes without it.
        Ok(request.send().await.map_err(reqwest::Error::without_url)?.status())
    }

    /// Status and text of the answer to a POST of `body`, with a user and password.
    pub(crate) async fn say(
        &self,
        url: &str,
        (name, password): (&str, &str),
        body: &str,
    ) -> Result<(StatusCode, String), reqwest::Error> {
        let request = self.0.post(url).basic_auth(name, Some(password)).body(body.to_owned());
        let answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        Ok((status, answer.text().await.map_err(reqwest::Error::without_url)?))
    }

    /// Status and text of the answer to a request with these headers.
    pub(crate) async fn signed(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<(StatusCode, String), reqwest::Error> {
        let method = if method == "PUT" { Method::PUT } else { Method::GET };
        let request = self.0.request(method, url).body(body);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await?;
        let status = answer.status();
        Ok((status, answer.text().await?))
    }

    /// The answer to a POST of JSON, which must be JSON and no refusal.
    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Value, reqwest::Error> {
        self.0.post(url).json(body).send().await?.error_for_status()?.json().await
    }
}
