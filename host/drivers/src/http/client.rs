//! Asking an endpoint, once, within bounds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_engine::model::{Failure, HttpMethod, Request, Response, ServiceRef};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};

use super::guard::{PublicOnly, is_public};
use crate::drivers::OpenError;
use crate::railway::{Railway, chain};
use crate::secrets::Redactor;
use crate::settings::{Credential, Endpoint, Held, Origin, Via};
use crate::tls;
use crate::via::{Address, Reach};

/// The largest body.
const MOST_BODY: usize = 1 << 20;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a whole answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Headers that decide where a request goes or who sends it: the host's own.
const OURS: [&str; 8] = [
    "host",
    "authorization",
    "proxy-authorization",
    "cookie",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
];

/// The HTTP endpoints of an environment.
pub(crate) struct Endpoints {
    pub(super) railway: Arc<Railway>,
    pub(super) reach: Arc<Reach>,
    pub(super) redactor: Redactor,
    named: BTreeMap<String, Endpoint>,
    inside: reqwest::Client,
    outside: reqwest::Client,
}

/// How a request ended.
pub(super) enum Asked {
    /// With an answer.
    Answered(Response),
    /// It was surely not sent.
    NotSent(Failure),
    /// It may have been carried out.
    Lost(Failure),
}

/// Where an endpoint's requests go, as found right now.
struct Base {
    url: Url,
    inside: bool,
    _address: Option<Address>,
}

impl Endpoints {
    pub(crate) fn new(
        railway: Arc<Railway>,
        reach: Arc<Reach>,
        redactor: Redactor,
        endpoints: BTreeMap<String, Endpoint>,
    ) -> Result<Self, OpenError> {
        let build = |outside: bool| {
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls::client_config().map_err(OpenError::Tls)?)
                .retry(reqwest::retry::never())
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .no_proxy()
                .connect_timeout(CONNECT)
                .timeout(ANSWER)
                .pool_max_idle_per_host(0)
                .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")));
            let builder = if outside { builder.dns_resolver(PublicOnly) } else { builder };
            builder.build().map_err(|error| OpenError::Client(error.without_url()))
        };
        Ok(Self {
            railway,
            reach,
            redactor,
            named: endpoints,
            inside: build(false)?,
            outside: build(true)?,
        })
    }

    /// Reads with `GET` or `HEAD`.
    pub(crate) async fn read(
        &self,
        method: HttpMethod,
        request: &Request,
    ) -> Result<Response, Failure> {
        let method = match method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Head => Method::HEAD,
        };
        match self
            .ask(&request.endpoint, method, &request.path, &request.headers, None, || Ok(()))
            .await
        {
            Asked::Answered(response) => Ok(response),
            Asked::NotSent(failure) | Asked::Lost(failure) => Err(self.redactor.failure(failure)),
        }
    }

    /// Asks an endpoint. `ready` is called right before bytes leave, and may still refuse.
    pub(super) async fn ask(
        &self,
        name: &str,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
        ready: impl FnOnce() -> Result<(), Failure>,
    ) -> Asked {
        let (request, _base) = match self.request(name, method, path, headers, body).await {
            Ok(request) => request,
            Err(failure) => return Asked::NotSent(failure),
        };
        if let Err(failure) = ready() {
            return Asked::NotSent(failure);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                self.railway.forget_addresses().await;
                let (unsent, late) = (error.is_connect() || error.is_builder(), error.is_timeout());
                let text =
                    format!("endpoint `{name}` did not answer: {}", chain(&error.without_url()));
                let code = if late { "http:timeout" } else { "http:connection" };
                let failure = Failure::transient(code, text);
                return if unsent { Asked::NotSent(failure) } else { Asked::Lost(failure) };
            }
        };
        tracing::Span::current().record("status", answer.status().as_u16());
        if matches!(answer.status().as_u16(), 401 | 403) {
            self.railway.forget_addresses().await;
        }
        match bounded(name, answer).await {
            Ok(response) => Asked::Answered(response),
            Err(failure) => Asked::Lost(failure),
        }
    }

    async fn request(
        &self,
        name: &str,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Option<Vec<u8>>,
    ) -> Result<(RequestBuilder, Base), Failure> {
        let endpoint = self.named.get(name).ok_or_else(|| {
            Failure::denied(
                "http:endpoint",
                format!("`{name}` is no endpoint of the configuration"),
            )
        })?;
        let base = self.base(name, endpoint).await?;
        let url = joined(&base.url, path).ok_or_else(|| {
            Failure::denied(
                "http:path",
                format!(
                    "the path for endpoint `{name}` must begin with one `/` and stay at its origin"
                ),
            )
        })?;
        if !base.inside {
            public_host(&url, name)?;
        }
        let mut map = HeaderMap::new();
        for (header, value) in headers {
            if OURS.contains(&header.to_ascii_lowercase().as_str()) {
                return Err(Failure::denied(
                    "http:header",
                    format!("header `{header}` is the host's own"),
                ));
            }
            add(&mut map, header, value, false)?;
        }
        for credential in &endpoint.credentials {
            let (header, value) = self.credential(name, credential).await?;
            add(&mut map, &header, &value, true)?;
        }
        let client = if base.inside { &self.inside } else { &self.outside };
        let request = client.request(method, url).headers(map);
        Ok((
            match body {
                Some(body) => request.body(body),
                None => request,
            },
            base,
        ))
    }

    /// Returns the header that a credential is. What is secret of it is searched for in every answer from then on; a user is
    /// not, because it may be called like anything.
    async fn credential(
        &self,
        name: &str,
        credential: &Credential,
    ) -> Result<(String, String), Failure> {
        match credential {
            Credential::Header { name: header, prefix, value: held } => {
                let value = self.held(name, held).await?;
                self.learn(held, &value);
                Ok((header.clone(), format!("{prefix}{value}")))
            }
            Credential::Basic { user, password: held } => {
                let (user, password) = (self.held(name, user).await?, self.held(name, held).await?);
                let encoded = STANDARD.encode(format!("{user}:{password}"));
                self.learn(held, &password);
                self.learn(held, &encoded);
                Ok(("authorization".to_owned(), format!("Basic {encoded}")))
            }
        }
    }

    fn learn(&self, held: &Held, value: &str) {
        let place = format!("{}.{}", held.service, held.variable);
        self.redactor.learn([(place, value.to_owned())]);
    }

    /// Returns what a variable holds.
    async fn held(&self, name: &str, held: &Held) -> Result<String, Failure> {
        let Held { service, variable } = held;
        let rendered = self.railway.dialled(&ServiceRef::Named(service.clone())).await?;
        rendered.get(variable).filter(|value| !value.is_empty()).cloned().ok_or_else(|| {
            let text = format!(
                "service `{service}` has no readable variable `{variable}` for endpoint `{name}`"
            );
            Failure::permanent("http:credential", text)
        })
    }

    async fn base(&self, name: &str, endpoint: &Endpoint) -> Result<Base, Failure> {
        match &endpoint.origin {
            Origin::Public(url) => Ok(Base { url: url.clone(), inside: false, _address: None }),
            Origin::Lab(url) => Ok(Base { url: url.clone(), inside: true, _address: None }),
            Origin::Service { service, port, via } => {
                let address = self.reach.dial(service, *port, *via).await?;
                if address.open && !matches!(via, Via::TcpProxy { clear_text: true }) {
                    let text = format!(
                        "the TCP proxy of `{service}` would carry credentials in clear text over the internet"
                    );
                    return Err(Failure::denied("via:clear-text", text));
                }
                let host = if address.host.contains(':') {
                    format!("[{}]", address.host)
                } else {
                    address.host.clone()
                };
                let url = format!("http://{host}:{}", address.port).parse().map_err(|error| {
                    Failure::permanent(
                        "http:address",
                        format!("endpoint `{name}` has no usable address: {error}"),
                    )
                })?;
                Ok(Base { url, inside: true, _address: Some(address) })
            }
        }
    }
}

/// Returns the URL of a path at an origin, if it stays there.
fn joined(base: &Url, path: &str) -> Option<Url> {
    if !path.starts_with('/') || path.starts_with("//") || path.contains(['\\', '#', '\n', '\r']) {
        return None;
    }
    let url: Url = base.join(path).ok()?;
    // A path that is changed by being read, such as one with `..`, is not the one that was admitted.
    let same = url.path() == path.split('?').next().unwrap_or_default();
    (same && url.origin() == base.origin() && url.username().is_empty()).then_some(url)
}

/// A host that is written as an address is never resolved, so it is checked here.
fn public_host(url: &Url, name: &str) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    match host.parse::<IpAddr>() {
        Ok(address) if !is_public(address) => Err(Failure::denied(
            "http:address",
            format!("endpoint `{name}` leads to an address that is not public"),
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn add(map: &mut HeaderMap, name: &str, value: &str, secret: bool) -> Result<(), Failure> {
    let wrong = |what: &str| {
        Failure::permanent(
            "http:header",
            format!("header `{name}` has {what} that no header may have"),
        )
    };
    let header = HeaderName::from_bytes(name.as_bytes()).ok().ok_or_else(|| wrong("a name"))?;
    let mut value = HeaderValue::from_str(value).ok().ok_or_else(|| wrong("a value"))?;
    value.set_sensitive(secret);
    map.append(header, value);
    Ok(())
}

async fn bounded(name: &str, mut answer: reqwest::Response) -> Result<Response, Failure> {
    let status = answer.status().as_u16();
    let headers = answer
        .headers()
        .iter()
        .map(|(header, value)| {
            (header.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    loop {
        let chunk = answer.chunk().await.map_err(|error| {
            Failure::transient(
                "http:connection",
                format!("endpoint `{name}` broke off: {}", chain(&error.without_url())),
            )
        })?;
        let Some(chunk) = chunk else { return Ok(Response { status, headers, body }) };
        if body.len() + chunk.len() > MOST_BODY {
            return Err(Failure::permanent(
                "http:too-large",
                format!("endpoint `{name}` answered with more than {MOST_BODY} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_at_its_origin_and_as_it_was_admitted() {
        let base: Url = "http://127.77.1.2:4000".parse().unwrap();
        assert_eq!(
            joined(&base, "/health?x=1").unwrap().as_str(),
            "http://127.77.1.2:4000/health?x=1"
        );
        for bad in [
            "//evil.example/x",
            "health",
            "/a/../backup",
            "/a\\b",
            "http://evil.example/",
            "/a#b",
            "/./x",
        ] {
            assert!(joined(&base, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_outside_never_leads_inside() {
        for inside in
            ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://2130706433/"]
        {
            assert!(public_host(&inside.parse().unwrap(), "x").is_err(), "{inside}");
        }
    }
}
