//! Asking an image's registry what a reference resolves to.

use lockstep_engine::model::{Failure, Published};
use reqwest::header::{ACCEPT, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use super::client::chain;
use crate::drivers::OpenError;
use crate::settings::Settings;
use crate::tls;

/// Manifests of single images and of several platforms, of both families.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// A client of container registries.
pub(crate) struct Registry {
    http: reqwest::Client,
    instead: Option<Url>,
}

/// An image reference in its parts.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    host: String,
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    pub(crate) fn new(settings: &Settings) -> Result<Self, OpenError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config().map_err(OpenError::Tls)?)
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::limited(3))
            .no_proxy()
            .connect_timeout(std::time::Duration::from_secs(10))
            .timeout(std::time::Duration::from_secs(30))
            .build()
            .map_err(|error| OpenError::Client(error.without_url()))?;
        Ok(Self { http, instead: settings.registry.clone() })
    }

    /// Returns what `image` resolves to; none when it is not there to pull.
    pub(crate) async fn published(&self, image: &str) -> Result<Option<Published>, Failure> {
        let reference = parse(image).ok_or_else(|| {
            Failure::permanent("registry:reference", format!("`{image}` is not an image reference"))
        })?;
        let wanted = reference.digest.as_deref().or(reference.tag.as_deref()).unwrap_or("latest");
        let base = match &self.instead {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("https://{}", reference.host),
        };
        let url = format!("{base}/v2/{}/manifests/{wanted}", reference.name);
        let head = |token: Option<&str>| {
            let request = self.http.request(Method::HEAD, &url).header(ACCEPT, MANIFESTS);
            token
                .map_or(request.try_clone(), |token| {
                    request.try_clone().map(|request| request.bearer_auth(token))
                })
                .unwrap_or(request)
        };
        let mut answer = ask(head(None), image).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let token = self.token(answer.headers(), image).await?;
            answer = ask(head(Some(&token)), image).await?;
        }
        match answer.status() {
            // Docker Hub answers so for a repository that is gone or private: either way it can't be pulled.
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            status if status.is_success() => {
                let digest = answer
                    .headers()
                    .get("docker-content-digest")
                    .and_then(|value| value.to_str().ok());
                let digest = digest.map(str::to_owned).or_else(|| reference.digest.clone());
                match digest {
                    Some(digest)
                        if reference.digest.as_ref().is_none_or(|wanted| *wanted == digest) =>
                    {
                        Ok(Some(Published { digest, extra: Vec::new() }))
                    }
                    Some(digest) => Err(Failure::permanent(
                        "registry:digest",
                        format!(
                            "the registry answered for `{image}` with another digest: {digest}"
                        ),
                    )),
                    None => Err(Failure::permanent(
                        "registry:digest",
                        format!("the registry names no digest for `{image}`"),
                    )),
                }
            }
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::transient(
                "registry:rate-limited",
                format!("the registry of `{image}` limits how often it is asked"),
            )),
            status if status.is_server_error() => Err(Failure::transient(
                "registry:server",
                format!("the registry answered for `{image}` with status {}", status.as_u16()),
            )),
            status => Err(Failure::permanent(
                "registry:refused",
                format!("the registry answered for `{image}` with status {}", status.as_u16()),
            )),
        }
    }

    /// Fetches an anonymous token as the registry's challenge says.
    async fn token(&self, headers: &HeaderMap, image: &str) -> Result<String, Failure> {
        let refused = |why: &str| {
            Failure::permanent(
                "registry:token",
                format!("could not get a token to look up `{image}`: {why}"),
            )
        };
        let challenge =
            headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let fields = challenge
            .strip_prefix("Bearer ")
            .ok_or_else(|| refused("the registry wants something else"))?;
        let mut realm = None;
        let mut query = Vec::new();
        for field in fields.split("\",") {
            match field.trim().split_once("=\"") {
                Some(("realm", value)) => realm = Some(value.trim_end_matches('"').to_owned()),
                Some((name, value)) => {
                    query.push((name.to_owned(), value.trim_end_matches('"').to_owned()));
                }
                None => {}
            }
        }
        let realm = realm.ok_or_else(|| refused("the registry names no place to get it"))?;
        let mut url: Url = realm.parse().map_err(|error| refused(&format!("{error}")))?;
        if url.scheme() != "https" {
            return Err(refused("it would be fetched in clear text"));
        }
        url.query_pairs_mut().extend_pairs(query);
        let answer = ask(self.http.get(url), image).await?;
        let token: Token =
            answer.json().await.map_err(|error| refused(&chain(&error.without_url())))?;
        token.token.or(token.access_token).ok_or_else(|| refused("the answer holds none"))
    }
}

async fn ask(request: RequestBuilder, image: &str) -> Result<Response, Failure> {
    request.send().await.map_err(|error| {
        let error = error.without_url();
        Failure::transient(
            "registry:unreachable",
            format!("could not ask the registry of `{image}`: {}", chain(&error)),
        )
    })
}

fn parse(image: &str) -> Option<Reference> {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => {
            (rest, Some(digest.parse::<lockstep_engine::model::Digest>().ok()?.to_string()))
        }
        None => (image, None),
    };
    // A colon before the last slash belongs to a host's port.
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
        Some(_) | None => (rest, None),
    };
    if path.is_empty() {
        return None;
    }
    let (host, name) = match path.split_once('/') {
        Some((host, name)) if host.contains(['.', ':']) || host == "localhost" => {
            (host, name.to_owned())
        }
        Some(_) => ("docker.io", path.to_owned()),
        None => ("docker.io", format!("library/{path}")),
    };
    let (host, name) = match host {
        "docker.io" | "index.docker.io" if name.contains('/') => ("registry-1.docker.io", name),
        "docker.io" | "index.docker.io" => ("registry-1.docker.io", format!("library/{name}")),
        other => (other, name),
    };
    let legal = |text: &str| {
        text.chars()
            .all(|character| character.is_ascii_alphanumeric() || "._-/".contains(character))
    };
    let fits = !name.is_empty()
        && legal(&name)
        && !name.contains("..")
        && tag.as_deref().is_none_or(|tag| legal(tag) && !tag.is_empty());
    fits.then(|| Reference { host: host.to_owned(), name, tag, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_the_registry_that_docker_would_ask() {
        let check = |image: &str, host: &str, name: &str, tag: Option<&str>| {
            let found = parse(image).unwrap();
            assert_eq!(
                (found.host.as_str(), found.name.as_str(), found.tag.as_deref()),
                (host, name, tag),
                "{image}"
            );
        };
        check("redis:7.2", "registry-1.docker.io", "library/redis", Some("7.2"));
        check("bitnami/redis", "registry-1.docker.io", "bitnami/redis", None);
        check("docker.io/redis:8", "registry-1.docker.io", "library/redis", Some("8"));
        check(
            "ghcr.io/berriai/litellm-database:main-stable",
            "ghcr.io",
            "berriai/litellm-database",
            Some("main-stable"),
        );
        check("localhost:5000/a/b", "localhost:5000", "a/b", None);
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(parse(&format!("redis:7.2@{digest}")).unwrap().digest, Some(digest));
        for bad in ["", "redis@sha256:abc", "a/../b", "a b", "redis:"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
