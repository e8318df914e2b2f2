//! Fetching an artifact, with nothing in it believed that can be computed.

use bytes::Bytes;
use jiff::Timestamp;
use lockstep_engine::model::Digest;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;

use super::conversation::Conversation;
use super::manifest::{CREATED, MANIFEST, MOST_MANIFEST, Manifest};
use crate::error::Fault;
use crate::source::OciReference;
use crate::web::Follow;

/// A configuration names what a component takes and gives, so it is small.
const MOST_CONFIG: u64 = 1 << 20;

/// An artifact that holds a component.
pub(crate) struct Artifact {
    pub(crate) manifest: Bytes,
    pub(crate) component: Bytes,
    pub(crate) created: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Config {
    created: Option<String>,
}

/// Fetches the manifest that a source means now, checked against everything that names it.
pub(crate) async fn fetch_manifest(talk: &Conversation<'_>) -> Result<(Bytes, Manifest), Fault> {
    let reference = talk.source().reference();
    let path = format!("manifests/{reference}");
    let answer = talk.get(&path, MANIFEST, Follow::Home).await?;
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(ToOwned::to_owned)
    };
    let (claimed, kind) = (header("docker-content-digest"), header(CONTENT_TYPE.as_str()));
    let bytes = talk.web().success(answer, MOST_MANIFEST).await?;
    let found = Digest::of(&bytes);
    let claimed = claimed.and_then(|claimed| claimed.parse().ok());
    let wanted = match reference {
        OciReference::Tag(_) => None,
        OciReference::Manifest(digest) => Some(*digest),
    };
    for expected in [wanted, claimed].into_iter().flatten() {
        if expected != found {
            return Err(Fault::Mismatch { expected, found });
        }
    }
    match kind.as_deref().and_then(|kind| kind.split(';').next()) {
        Some(kind) if kind != MANIFEST => {
            Err(Fault::Type { what: "it", found: kind.to_owned(), needed: MANIFEST })
        }
        Some(_) | None => Manifest::read(&bytes).map(|manifest| (bytes, manifest)),
    }
}

/// Fetches the manifest at a tag or digest of the repository, or nothing if there is none.
pub(crate) async fn manifest_at(
    talk: &Conversation<'_>,
    reference: &str,
    accept: &'static str,
) -> Result<Option<Bytes>, Fault> {
    let answer = talk.get(&format!("manifests/{reference}"), accept, Follow::Home).await?;
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let bytes = talk.web().success(answer, MOST_MANIFEST).await?;
    if let Ok(expected) = reference.parse::<Digest>()
        && expected != Digest::of(&bytes)
    {
        return Err(Fault::Mismatch { expected, found: Digest::of(&bytes) });
    }
    Ok(Some(bytes))
}

/// Fetches the parts of the artifact that `manifest`, whose bytes are `bytes`, describes.
pub(crate) async fn fetch(
    talk: &Conversation<'_>,
    bytes: Bytes,
    manifest: &Manifest,
) -> Result<Artifact, Fault> {
    let component = talk.blob(manifest.component()?, talk.web().limits().component).await?;
    let config = talk.blob(&manifest.config, MOST_CONFIG).await?;
    let config: Config = serde_json::from_slice(&config)
        .map_err(|error| Fault::Malformed(format!("its configuration: {error}")))?;
    let created = manifest.annotations.get(CREATED).or(config.created.as_ref());
    Ok(Artifact { manifest: bytes, component, created: created.and_then(|time| time.parse().ok()) })
}
