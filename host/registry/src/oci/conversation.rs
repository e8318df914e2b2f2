//! Requests to one repository, with what the registry demands of who asks.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lockstep_engine::model::Digest;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::auth::{Demand, MOST_TOKEN, demand, token};
use super::manifest::Descriptor;
use crate::credentials::Credentials;
use crate::error::{Fault, RegistryError};
use crate::source::{OciSource, is_loopback};
use crate::web::{Follow, Web};

/// What a conversation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Fetch,
    Publish,
}

/// A conversation about one repository. What the registry accepted once is sent from then on.
pub(crate) struct Conversation<'r> {
    web: &'r Web,
    credentials: &'r Credentials,
    source: &'r OciSource,
    purpose: Purpose,
    base: Url,
    accepted: Mutex<Option<HeaderValue>>,
}

impl<'r> Conversation<'r> {
    pub(crate) fn new(
        web: &'r Web,
        credentials: &'r Credentials,
        source: &'r OciSource,
        purpose: Purpose,
    ) -> Result<Self, RegistryError> {
        let host = match source.host() {
            // Docker's registry is called by another name than it has.
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let name = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let scheme =
            if is_loopback(name.map_or(host, |(name, _)| name)) { "http" } else { "https" };
        let base = format!("{scheme}://{host}/v2/{}/", source.repository());
        let base = base.parse().map_err(|error| RegistryError::Client(format!("{error}")))?;
        Ok(Self { web, credentials, source, purpose, base, accepted: Mutex::default() })
    }

    pub(crate) fn source(&self) -> &OciSource {
        self.source
    }

    pub(crate) fn web(&self) -> &Web {
        self.web
    }

    /// Returns the address of something in the repository.
    pub(crate) fn address(&self, path: &str) -> Result<Url, Fault> {
        self.base.join(path).map_err(|error| Fault::Malformed(error.to_string()))
    }

    /// Gets something of the repository, whatever the answer is.
    pub(crate) async fn get(
        &self,
        path: &str,
        accept: &'static str,
        follow: Follow,
    ) -> Result<Response, Fault> {
        let url = self.address(path)?;
        self.send(follow, || self.web.request(Method::GET, &url).header("accept", accept)).await
    }

    /// Gets a part of an artifact and checks that it is that part.
    pub(crate) async fn blob(&self, part: &Descriptor, limit: u64) -> Result<Bytes, Fault> {
        if part.size > limit {
            return Err(Fault::TooLarge { limit });
        }
        let path = format!("blobs/{}", part.digest);
        let answer = self.get(&path, "*/*", Follow::Anywhere).await?;
        let bytes = self.web.success(answer, limit).await?;
        part.check(&bytes)?;
        Ok(bytes)
    }

    /// Gets a component by its digest alone.
    pub(crate) async fn component(&self, digest: &Digest) -> Result<Bytes, Fault> {
        let answer = self.get(&format!("blobs/{digest}"), "*/*", Follow::Anywhere).await?;
        let bytes = self.web.success(answer, self.web.limits().component).await?;
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(Fault::Mismatch { expected: *digest, found }) }
    }

    /// Sends what `build` makes; if the registry wants to know who asks, once more with that.
    pub(crate) async fn send(
        &self,
        follow: Follow,
        build: impl Fn() -> RequestBuilder + Send,
    ) -> Result<Response, Fault> {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = match &accepted {
            Some(header) => build().header(AUTHORIZATION, header),
            None => build(),
        };
        let answer = self.web.send(first, follow).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || accepted.is_some() {
            return self.told(answer).await;
        }
        let header = match demand(answer.headers(), &self.base, &self.scope())? {
            Demand::Basic => self.credentials.header(self.source.host()).ok_or_else(|| {
                Fault::Unauthorized(self.credentials.remark(self.source.host()).to_owned())
            })?,
            Demand::Bearer(url) => self.token(&url).await?,
        };
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(header.clone());
        let answer = self.web.send(build().header(AUTHORIZATION, header), follow).await?;
        self.told(answer).await
    }

    async fn token(&self, url: &Url) -> Result<HeaderValue, Fault> {
        let request = self.web.request(Method::GET, url);
        let request = match self.credentials.header(self.source.host()) {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        };
        let answer = self.told(self.web.send(request, Follow::Home).await?).await?;
        token(&self.web.success(answer, MOST_TOKEN).await?)
    }

    /// Adds to a refusal what is known of the credentials.
    async fn told(&self, answer: Response) -> Result<Response, Fault> {
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let remark = self.credentials.remark(self.source.host());
        let fault = self.web.refusal(answer).await;
        if let Fault::Unauthorized(said) = fault {
            return Err(Fault::Unauthorized(format!("{said}; {remark}")));
        }
        Err(fault)
    }

    fn scope(&self) -> String {
        let actions = match self.purpose {
            Purpose::Fetch => "pull",
            Purpose::Publish => "pull,push",
        };
        format!("repository:{}:{actions}", self.source.repository())
    }
}
