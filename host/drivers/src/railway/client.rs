//! One request to Railway's API, and what its answer says about whether anything happened.

use std::time::Duration;

use lockstep_engine::journal::Sent;
use lockstep_engine::model::{Fact, Failure, Moment, Problem};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{Instrument as _, Span, debug_span, field};

use super::documents::Document;
use crate::drivers::OpenError;
use crate::settings::{Now, Settings, TokenKind};
use crate::tls;

/// The longest that a read waits in all because Railway asked it to.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How a request ended that did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum CallError {
    /// Surely nothing happened.
    Refused(Failure),
    /// It may have happened.
    Unknown(Failure),
}

impl CallError {
    /// Returns why, whatever happened.
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Refused(failure) | Self::Unknown(failure) => failure,
        }
    }

    /// Returns the same as something that may have happened, because an earlier part of the effect did.
    pub(crate) fn halfway(self) -> Self {
        Self::Unknown(self.failure())
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

/// Returns how a send ended.
pub(crate) fn sent(result: Result<Vec<Fact>, CallError>) -> Sent {
    match result {
        Ok(facts) => Sent::Done(facts),
        Err(CallError::Refused(failure)) => Sent::Refused(failure),
        Err(CallError::Unknown(failure)) => Sent::Unknown(failure),
    }
}

/// Until when something may be sent.
#[derive(Clone, Copy)]
pub(crate) struct Deadline<'a> {
    /// The last moment.
    pub(crate) not_after: Moment,
    /// The clock.
    pub(crate) now: &'a Now,
}

impl Deadline<'_> {
    /// Refuses if the moment has passed. Called right before bytes leave.
    pub(crate) fn check(self) -> Result<(), Failure> {
        if (self.now)() > self.not_after {
            return Err(Failure::transient(
                "effect:too-late",
                "the effect's time to be sent has passed, so it was not sent",
            ));
        }
        Ok(())
    }
}

/// The client of Railway's API.
pub(crate) struct Client {
    reads: reqwest::Client,
    effects: reqwest::Client,
    api: Url,
    header: (HeaderName, HeaderValue),
}

impl Client {
    /// Returns a client for the API and token of `settings`.
    pub(crate) fn new(settings: &Settings) -> Result<Self, OpenError> {
        let token = settings.token.expose_secret();
        let (name, text) = match settings.token_kind {
            TokenKind::Project => {
                (HeaderName::from_static("project-access-token"), token.to_owned())
            }
            TokenKind::Bearer => (AUTHORIZATION, format!("Bearer {token}")),
        };
        let mut value = HeaderValue::from_str(&text).map_err(OpenError::Token)?;
        value.set_sensitive(true);
        let build = |idle: usize| {
            let tls = tls::client_config().map_err(OpenError::Tls)?;
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .retry(reqwest::retry::never())
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .no_proxy()
                .connect_timeout(CONNECT)
                .timeout(settings.timeout.duration())
                .pool_max_idle_per_host(idle)
                .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| OpenError::Client(error.without_url()))
        };
        // An effect opens a connection of its own: an idle one may die under it, and then nobody knows what was sent.
        Ok(Self {
            reads: build(4)?,
            effects: build(0)?,
            api: settings.api.clone(),
            header: (name, value),
        })
    }

    /// Reads. Waits when Railway asks for it, within a bound; every other failure goes to the engine.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: Value,
    ) -> Result<T, Failure> {
        let mut waited = Duration::ZERO;
        loop {
            let failure = match self.call(&self.reads, document, variables.clone(), None).await {
                Ok(data) => return Ok(data),
                Err(CallError::Refused(failure)) => failure,
                Err(CallError::Unknown(failure)) => return Err(transient(failure)),
            };
            match retry_after(&failure) {
                Some(wait) if waited + wait <= LONGEST_WAIT => {
                    tracing::debug!(?wait, operation = document.name, "railway asks to wait");
                    waited += wait;
                    tokio::time::sleep(wait).await;
                }
                Some(_) | None => return Err(failure),
            }
        }
    }

    /// Sends a mutation, once.
    pub(super) async fn mutate<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: Value,
        deadline: Deadline<'_>,
    ) -> Result<T, CallError> {
        self.call(&self.effects, document, variables, Some(deadline)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        client: &reqwest::Client,
        document: &Document,
        variables: Value,
        deadline: Option<Deadline<'_>>,
    ) -> Result<T, CallError> {
        let name = document.name;
        let span =
            debug_span!("graphql", otel.name = name, operation = name, status = field::Empty);
        self.exchange(client, document, variables, deadline).instrument(span).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        client: &reqwest::Client,
        document: &Document,
        variables: Value,
        deadline: Option<Deadline<'_>>,
    ) -> Result<T, CallError> {
        let name = document.name;
        let body = json!({ "query": document.text, "operationName": name, "variables": variables });
        let request = client
            .post(self.api.clone())
            .header(self.header.0.clone(), self.header.1.clone())
            .json(&body);
        if let Some(deadline) = deadline {
            deadline.check()?;
        }
        let answer = request.send().await.map_err(|error| lost(name, error))?;
        let (status, wait) = (answer.status(), wait_of(answer.headers()));
        Span::current().record("status", status.as_u16());
        let bytes = answer.bytes().await.map_err(|error| lost(name, error))?;
        let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
        if let Some(error) = refusal(name, status, wait, parsed.as_ref()) {
            return Err(error);
        }
        let unclear = |why: &str| {
            CallError::Unknown(Failure::permanent(
                "railway:answer",
                format!("could not understand Railway's answer to `{name}`: {why}"),
            ))
        };
        let data = parsed.and_then(|mut answer| {
            answer.get_mut("data")?.get_mut(document.field).map(Value::take)
        });
        let data = data.ok_or_else(|| unclear("it holds no data"))?;
        serde_json::from_value(data).map_err(|error| unclear(&error.to_string()))
    }
}

/// What a request that got no answer means.
fn lost(name: &str, error: reqwest::Error) -> CallError {
    let refused = error.is_connect() || error.is_builder();
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let text = chain(&error);
    if refused {
        return CallError::Refused(Failure::transient(
            "railway:unreachable",
            format!("could not reach Railway's API for `{name}`: {text}"),
        ));
    }
    let code = if timed_out { "railway:timeout" } else { "railway:connection" };
    CallError::Unknown(Failure::transient(
        code,
        format!("Railway's API did not answer `{name}`: {text}"),
    ))
}

/// Returns an error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

fn wait_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn refusal(
    name: &str,
    status: StatusCode,
    wait: Option<u64>,
    body: Option<&Value>,
) -> Option<CallError> {
    let errors = body
        .and_then(|body| body.get("errors"))
        .and_then(Value::as_array)
        .filter(|errors| !errors.is_empty());
    let first = errors.and_then(|errors| errors.first());
    let message =
        first.and_then(|error| error.get("message")).and_then(Value::as_str).unwrap_or_default();
    let code = first
        .and_then(|error| error.pointer("/extensions/code"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    if status == StatusCode::TOO_MANY_REQUESTS
        || lower.contains("rate limit")
        || lower.contains("too quickly")
    {
        let mut problem = Problem::new(
            "railway:rate-limited",
            format!("Railway limits how often `{name}` may be asked"),
        );
        if status == StatusCode::TOO_MANY_REQUESTS {
            problem.extra.push(("retry-after".to_owned(), wait.unwrap_or(1).to_string()));
        }
        return Some(CallError::Refused(Failure::Transient(problem)));
    }
    let unauthorized =
        lower.contains("not authorized") || lower.contains("project token not found");
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN || unauthorized {
        return Some(CallError::Refused(Failure::permanent(
            "railway:not-authorized",
            format!(
                "Railway did not authorize `{name}`: the token is wrong or dead, or it may not do this"
            ),
        )));
    }
    if status.is_server_error() {
        let failure = Failure::transient(
            "railway:server",
            format!("Railway answered `{name}` with status {}", status.as_u16()),
        );
        return Some(CallError::Unknown(failure));
    }
    if status.is_success() && first.is_none() {
        return None;
    }
    let text =
        if message.is_empty() { format!("status {}", status.as_u16()) } else { message.to_owned() };
    let failure =
        Failure::permanent("railway:refused", format!("Railway refused `{name}`: {text}"));
    // Railway's own word for a fault in the middle of its work, so part of the work may have been done.
    Some(if code == "INTERNAL_SERVER_ERROR" {
        CallError::Unknown(failure)
    } else {
        CallError::Refused(failure)
    })
}

fn retry_after(failure: &Failure) -> Option<Duration> {
    let extra = &failure.problem().extra;
    let (_, seconds) = extra.iter().find(|(name, _)| name == "retry-after")?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// A read that got no answer changed nothing, so it may be asked again; an answer that can't be understood stays so.
fn transient(failure: Failure) -> Failure {
    match failure {
        Failure::Permanent(problem) if problem.code == "railway:refused" => {
            Failure::Transient(problem)
        }
        other @ (Failure::Transient(_) | Failure::Permanent(_) | Failure::Denied(_)) => other,
    }
}
