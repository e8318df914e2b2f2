//! What the proxy says about itself without being asked for a model.

use lockstep_sdk::json::Json;
use lockstep_sdk::outside::Http;
use lockstep_sdk::{Failure, Response};

use crate::names::PROXY;
use crate::version::Release;

/// The path that says whether the proxy is ready, and nothing else of it from 1.84 on.
pub(crate) const READINESS: &str = "/health/readiness";
/// The path that says more, from 1.84 on and to whoever has a key. The host adds one where it is configured to.
pub(crate) const DETAILS: &str = "/health/readiness/details";
/// The path that says that the process lives.
pub(crate) const LIVELINESS: &str = "/health/liveliness";

/// The header in which answers carry the version.
const HEADER: &str = "x-litellm-version";

/// What the proxy told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// What the readiness path answered.
    pub(crate) status: u16,
    /// What it said of the database.
    pub(crate) database: String,
    /// Versions by where they were told.
    pub(crate) versions: Vec<(&'static str, Release)>,
    /// What it sends its traces to, where it tells.
    pub(crate) callbacks: Vec<String>,
}

impl Told {
    /// Asks whether it is ready.
    pub(crate) fn read<O: Http>(outside: &O) -> Result<Self, Failure> {
        let mut told = Self::default();
        let answer = outside.get(PROXY, READINESS)?;
        told.status = answer.status;
        let body = Json::parse(&answer.body);
        let text = |name: &str| body.as_ref().and_then(|body| body.get(name)).and_then(Json::text);
        text("db").unwrap_or("unknown").clone_into(&mut told.database);
        told.learn("readiness", &answer, body.as_ref());
        Ok(told)
    }

    /// Asks, and asks for the version at a second place where the first does not tell it. Without a key that is noted by the
    /// proxy as a call that it refused, so nobody does it every few seconds.
    pub(crate) fn whole<O: Http>(outside: &O) -> Result<Self, Failure> {
        let mut told = Self::read(outside)?;
        if told.versions.is_empty()
            && let Some(details) = details(outside)?
        {
            let body = Json::parse(&details.body);
            told.learn("readiness details", &details, body.as_ref());
        }
        Ok(told)
    }

    fn learn(&mut self, place: &'static str, answer: &Response, body: Option<&Json>) {
        let header = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(HEADER));
        let header = header.and_then(|(_, value)| Release::parse(value.trim()));
        self.versions.extend(header.map(|release| (HEADER, release)));
        let version = body.and_then(|body| body.get("litellm_version")).and_then(Json::text);
        self.versions.extend(version.and_then(Release::parse).map(|release| (place, release)));
        let callbacks = body.and_then(|body| body.get("success_callbacks")).and_then(Json::items);
        let names = callbacks.unwrap_or_default().iter().filter_map(Json::text);
        self.callbacks.extend(names.map(str::to_owned));
    }

    /// Returns whether the proxy is ready: its status alone says nothing of the database before 1.84.
    pub(crate) fn is_ready(&self) -> bool {
        self.status == 200 && self.database == "connected"
    }

    /// Returns the version, if one was told.
    pub(crate) fn version(&self) -> Option<Release> {
        self.versions.first().map(|(_, release)| *release)
    }

    /// Returns why it is not ready, in words.
    pub(crate) fn words(&self) -> String {
        format!("{READINESS} answers {}, and its database is `{}`", self.status, self.database)
    }
}

/// Asks for details; none where they are not given to us.
fn details<O: Http>(outside: &O) -> Result<Option<Response>, Failure> {
    match outside.get(PROXY, DETAILS) {
        Ok(answer) if answer.status == 200 => Ok(Some(answer)),
        Err(failure) if failure.is_denied() || failure.may_pass() => Err(failure),
        Ok(_) | Err(_) => Ok(None),
    }
}
