//! One answer at a time, bounded in size and time.

use std::error::Error as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, LOCATION, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};

use crate::access::Limits;
use crate::error::{Fault, RegistryError};
use crate::source::is_loopback;

/// As many redirects as a content delivery network needs, and some more.
const MOST_REDIRECTS: usize = 5;

/// The most that is read of what a server says when it refuses.
const MOST_REFUSAL: u64 = 8 << 10;

/// The way to web servers: `https` to all, plain `http` to this machine alone.
pub(crate) struct Web {
    secure: Client,
    loopback: Client,
    limits: Limits,
}

/// How far a redirect is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// To the same server.
    Home,
    /// To any server over `https`: somebody else decides about the bytes, a digest or a person.
    Anywhere,
}

impl Web {
    pub(crate) fn new(limits: Limits) -> Result<Self, RegistryError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| RegistryError::Client(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .retry(reqwest::retry::never())
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .no_proxy()
                .connect_timeout(limits.connect)
                .timeout(limits.answer)
                .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| RegistryError::Client(error.without_url().to_string()))
        };
        // Whatever the machine's resolver says, `localhost` is this machine: its connections are in clear text.
        let here: [SocketAddr; 2] =
            [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
        Ok(Self {
            secure: build(builder().https_only(true))?,
            loopback: build(builder().resolve_to_addrs("localhost", &here))?,
            limits,
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Begins a request.
    pub(crate) fn request(&self, method: reqwest::Method, url: &Url) -> RequestBuilder {
        let client = if url.scheme() == "http" { &self.loopback } else { &self.secure };
        client.request(method, url.clone())
    }

    /// Sends a request, follows where it is redirected, and returns whatever it is answered.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        follow: Follow,
    ) -> Result<Response, Fault> {
        let (client, request) = request.build_split();
        let mut request = request.map_err(|error| self.fault(error))?;
        let home = request.url().clone();
        for _ in 0..=MOST_REDIRECTS {
            let next = request.try_clone();
            let answer = client.execute(request).await.map_err(|error| self.fault(error))?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let to = target(&home, &answer, follow)?;
            // What has a body is never sent twice.
            request = next.filter(|next| next.body().is_none()).ok_or_else(|| Fault::Redirect {
                to: origin(&to),
                why: "and what is sent there would be sent twice",
            })?;
            if to.origin() != home.origin() {
                request.headers_mut().remove(AUTHORIZATION);
            }
            *request.url_mut() = to;
        }
        Err(Fault::Redirect { to: origin(&home), why: "again and again" })
    }

    /// Reads an answer that must be a success, up to `limit` bytes.
    pub(crate) async fn success(&self, answer: Response, limit: u64) -> Result<Bytes, Fault> {
        if answer.status() == StatusCode::OK {
            return self.body(answer, limit).await;
        }
        Err(self.refusal(answer).await)
    }

    /// Returns what an answer that is no success says.
    pub(crate) async fn refusal(&self, answer: Response) -> Fault {
        let status = answer.status();
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(|value| match value.parse::<u64>() {
            Ok(seconds) => format!("{seconds} s"),
            Err(_) => printable(value.as_bytes()),
        });
        let said = match self.body(answer, MOST_REFUSAL).await {
            Ok(body) => said(&body),
            Err(fault) => fault.to_string(),
        };
        match status.as_u16() {
            401 => Fault::Unauthorized(said),
            403 => Fault::Forbidden(said),
            404 => Fault::NotFound(said),
            429 => Fault::TooMany { retry_after },
            status => Fault::Status { status, message: said },
        }
    }

    async fn body(&self, mut answer: Response, limit: u64) -> Result<Bytes, Fault> {
        if answer.content_length().is_some_and(|length| length > limit) {
            return Err(Fault::TooLarge { limit });
        }
        let mut body = BytesMut::new();
        loop {
            let received = body.len() as u64;
            match answer.chunk().await {
                Ok(Some(chunk)) if received + chunk.len() as u64 > limit => {
                    return Err(Fault::TooLarge { limit });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(error) if error.is_timeout() => return Err(self.fault(error)),
                Err(error) => {
                    return Err(Fault::Truncated { received, why: chain(error) });
                }
            }
        }
    }

    pub(crate) fn fault(&self, error: reqwest::Error) -> Fault {
        if error.is_timeout() && !error.is_connect() {
            Fault::Timeout { seconds: self.limits.answer.as_secs() }
        } else {
            Fault::Unreachable(chain(error))
        }
    }
}

/// Returns where an answer redirects to, if that may be followed.
fn target(home: &Url, answer: &Response, follow: Follow) -> Result<Url, Fault> {
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let to = location
        .and_then(|location| answer.url().join(location).ok())
        .ok_or_else(|| Fault::Malformed("it redirects, and does not say where to".to_owned()))?;
    match may_follow(home, &to, follow) {
        Ok(()) => Ok(to),
        Err(why) => Err(Fault::Redirect { to: origin(&to), why }),
    }
}

/// Whether a request that began at `home` may go on at `to`, and why not.
fn may_follow(home: &Url, to: &Url, follow: Follow) -> Result<(), &'static str> {
    if to.origin() == home.origin() {
        return Ok(());
    }
    let loopback = |url: &Url| url.host_str().is_some_and(is_loopback);
    match follow {
        Follow::Home => Err("which is another server"),
        Follow::Anywhere if loopback(to) && !loopback(home) => Err("which is this machine itself"),
        Follow::Anywhere if to.scheme() == "https" || (to.scheme() == "http" && loopback(to)) => {
            Ok(())
        }
        Follow::Anywhere => Err("which is not encrypted"),
    }
}

/// The address without its path, which may carry a secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What an error and its causes say, without the address, which may carry a secret.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What a refusing server says: the messages of a registry's own form, else the beginning of whatever it is.
fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        errors: Vec<Said>,
    }
    #[derive(serde::Deserialize)]
    struct Said {
        code: Option<String>,
        message: Option<String>,
    }
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => {
            let parts = refusal.errors.into_iter().flat_map(|said| [said.code, said.message]);
            printable(parts.flatten().collect::<Vec<_>>().join(" ").as_bytes())
        }
        Err(_) => printable(body),
    };
    if text.is_empty() { "it says nothing more".to_owned() } else { text }
}

/// The beginning of a stranger's text, with nothing in it that a terminal acts on.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(300).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leads_into_this_machine_or_out_of_encryption() {
        let may = |home: &str, to: &str, follow| {
            may_follow(&home.parse().unwrap(), &to.parse().unwrap(), follow).is_ok()
        };
        let public = "https://ghcr.io/v2/a/blobs/x";
        let here = "http://127.0.0.1:5000/v2/a/blobs/x";
        assert!(may(public, "https://ghcr.io/other", Follow::Home));
        assert!(!may(public, "https://cdn.example.com/x", Follow::Home));
        assert!(!may(public, "https://ghcr.io:444/x", Follow::Home));
        assert!(!may(public, "http://ghcr.io/x", Follow::Home));
        assert!(may(public, "https://cdn.example.com/x", Follow::Anywhere));
        for to in [
            "http://cdn.example.com/x",
            "http://ghcr.io/x",
            "http://127.0.0.1/x",
            "https://localhost/x",
            "https://[::1]/x",
            "file:///etc/passwd",
        ] {
            assert!(!may(public, to, Follow::Anywhere), "{to}");
        }
        assert!(may(here, "https://cdn.example.com/x", Follow::Anywhere));
        assert!(may(here, "http://localhost:9000/x", Follow::Anywhere));
        assert!(!may(here, "http://10.0.0.1/x", Follow::Anywhere));
    }
}
