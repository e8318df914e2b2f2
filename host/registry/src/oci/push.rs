//! Publishing the parts of an artifact.

use lockstep_engine::model::Digest;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::conversation::Conversation;
use super::manifest::{Descriptor, MANIFEST, Manifest};
use crate::error::Fault;
use crate::web::Follow;

/// Sends a part, unless the registry has it.
pub(crate) async fn push_blob(
    talk: &Conversation<'_>,
    part: &Descriptor,
    bytes: &[u8],
) -> Result<(), Fault> {
    let web = talk.web();
    let there = talk.address(&format!("blobs/{}", part.digest))?;
    let answer = talk.send(Follow::Anywhere, || web.request(Method::HEAD, &there)).await?;
    if answer.status() == StatusCode::OK {
        return Ok(());
    }
    let uploads = talk.address("blobs/uploads/")?;
    let begun = talk.send(Follow::Home, || web.request(Method::POST, &uploads)).await?;
    if begun.status() != StatusCode::ACCEPTED {
        return Err(web.refusal(begun).await);
    }
    let mut url = location(begun.headers().get(LOCATION), &uploads)?;
    url.query_pairs_mut().append_pair("digest", &part.digest.to_string());
    let body = bytes.to_vec();
    let sent = talk
        .send(Follow::Home, || {
            let request = web.request(Method::PUT, &url);
            request.header(CONTENT_TYPE, "application/octet-stream").body(body.clone())
        })
        .await?;
    if sent.status() != StatusCode::CREATED {
        return Err(web.refusal(sent).await);
    }
    Ok(())
}

/// Sends a manifest to a tag, and returns its digest once the registry has it under that.
pub(crate) async fn push_manifest(
    talk: &Conversation<'_>,
    tag: &str,
    manifest: &Manifest,
) -> Result<Digest, Fault> {
    let web = talk.web();
    let url = talk.address(&format!("manifests/{tag}"))?;
    let bytes = manifest.to_bytes();
    let digest = Digest::of(&bytes);
    let sent = talk
        .send(Follow::Home, || {
            web.request(Method::PUT, &url).header(CONTENT_TYPE, MANIFEST).body(bytes.clone())
        })
        .await?;
    if sent.status() != StatusCode::CREATED {
        return Err(web.refusal(sent).await);
    }
    match super::manifest_at(talk, &digest.to_string(), MANIFEST).await? {
        Some(_) => Ok(digest),
        None => Err(Fault::NotFound("it took the manifest, and does not have it".to_owned())),
    }
}

/// Where an upload goes on: at the registry itself, because credentials and the plugin go there.
fn location(header: Option<&reqwest::header::HeaderValue>, home: &Url) -> Result<Url, Fault> {
    let to = header
        .and_then(|value| value.to_str().ok())
        .and_then(|location| home.join(location).ok())
        .ok_or_else(|| Fault::Malformed("it does not say where to upload".to_owned()))?;
    if to.origin() != home.origin() {
        let to = to.origin().ascii_serialization();
        return Err(Fault::Redirect { to, why: "for the upload, which is another server" });
    }
    Ok(to)
}
