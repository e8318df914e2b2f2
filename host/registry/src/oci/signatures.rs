//! The signatures that stand beside an artifact, where cosign puts them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_engine::model::Digest;
use reqwest::StatusCode;

use super::conversation::Conversation;
use super::manifest::{Descriptor, INDEX, Index, MANIFEST, MOST_MANIFEST, Manifest};
use super::pull::manifest_at;
use super::push::{push_blob, push_manifest};
use crate::error::{Fault, RegistryError, Signing};
use crate::signature::{BUNDLE, Encoded, Form, Signature, SigningKey, of_manifest, payload};
use crate::web::Follow;

/// A signed payload.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Where the signature over a payload stands.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The configuration of the artifact that holds signatures.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The largest payload or bundle.
const MOST_PAYLOAD: u64 = 256 << 10;

/// As many signatures as are looked at.
const MOST_SIGNATURES: usize = 32;

/// Finds the signatures of the artifact with this manifest: at cosign's tag, and among what refers to it.
pub(crate) async fn find(
    talk: &Conversation<'_>,
    manifest: &[u8],
) -> Result<Vec<Signature>, Fault> {
    let digest = Digest::of(manifest);
    let mut signatures = Vec::new();
    if let Some(beside) = beside(talk, &digest).await? {
        for layer in beside.layers.iter().take(MOST_SIGNATURES) {
            let Some(signature) = layer.annotations.get(SIGNATURE) else { continue };
            if layer.media_type != PAYLOAD {
                continue;
            }
            let signature = STANDARD
                .decode(signature)
                .map_err(|error| Fault::Malformed(format!("a signature: {error}")))?;
            let payload = talk.blob(layer, MOST_PAYLOAD).await?;
            signatures.push(Signature(Form::Simple {
                manifest: Encoded(manifest.to_owned()),
                payload: Encoded(payload.to_vec()),
                signature: Encoded(signature),
            }));
        }
    }
    for entry in referrers(talk, &digest).await?.into_iter().take(MOST_SIGNATURES) {
        let Some(referrer) = manifest_at(talk, &entry.to_string(), MANIFEST).await? else {
            continue;
        };
        let referrer = Manifest::read(&referrer)?;
        for layer in referrer.layers.iter().filter(|layer| layer.media_type.starts_with(BUNDLE)) {
            let bundle = talk.blob(layer, MOST_PAYLOAD).await?;
            signatures.extend(
                of_manifest(&bundle, manifest)
                    .map_err(|error| Fault::Malformed(format!("a bundle: {error}")))?,
            );
        }
    }
    Ok(signatures)
}

/// Signs the artifact with this manifest and adds the signature to those that are there.
pub(crate) async fn attach(
    talk: &Conversation<'_>,
    manifest: &Digest,
    key: &SigningKey,
) -> Result<(), RegistryError> {
    let source = talk.source();
    let failed = |fault| RegistryError::Publish {
        what: format!("the signature of {source}"),
        host: source.host().to_owned(),
        fault,
    };
    let repository = format!("{}/{}", source.host(), source.repository());
    let payload = payload(&repository, manifest);
    let mut layers =
        beside(talk, manifest).await.map_err(failed)?.map_or(Vec::new(), |beside| beside.layers);
    let public = key.public_key();
    let ours = |layer: &Descriptor| {
        let signature = layer.annotations.get(SIGNATURE).map(|text| STANDARD.decode(text));
        layer.digest == Digest::of(&payload)
            && matches!(signature, Some(Ok(signature)) if public.made(&payload, &signature))
    };
    if layers.iter().any(ours) {
        return Ok(());
    }
    let signature = key.sign(&payload).map_err(|error| RegistryError::Sign(Signing(error)))?;
    let mut layer = Descriptor::of(PAYLOAD, &payload);
    layer.annotations = BTreeMap::from([(SIGNATURE.to_owned(), STANDARD.encode(signature))]);
    layers.push(layer.clone());
    let digests: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let config = serde_json::json!({
        "architecture": "",
        "config": {},
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
    })
    .to_string();
    let description = Descriptor::of(CONFIG, config.as_bytes());
    push_blob(talk, &layer, &payload).await.map_err(failed)?;
    push_blob(talk, &description, config.as_bytes()).await.map_err(failed)?;
    let signatures = Manifest::new(description, layers, BTreeMap::new());
    push_manifest(talk, &tag(manifest), &signatures).await.map_err(failed)?;
    Ok(())
}

/// The manifest at the tag where cosign puts the signatures of a manifest.
async fn beside(talk: &Conversation<'_>, manifest: &Digest) -> Result<Option<Manifest>, Fault> {
    let beside = manifest_at(talk, &tag(manifest), MANIFEST).await?;
    beside.map(|beside| Manifest::read(&beside)).transpose()
}

fn tag(manifest: &Digest) -> String {
    format!("sha256-{}.sig", manifest.digits())
}

/// The manifests of bundles that refer to a manifest. A registry that does not list them itself keeps a list at a tag.
async fn referrers(talk: &Conversation<'_>, manifest: &Digest) -> Result<Vec<Digest>, Fault> {
    let path = format!("referrers/{manifest}");
    let answer = talk.get(&path, INDEX, Follow::Home).await?;
    let bytes = if answer.status() == StatusCode::OK {
        Some(talk.web().success(answer, MOST_MANIFEST).await?)
    } else {
        manifest_at(talk, &format!("sha256-{}", manifest.digits()), INDEX).await?
    };
    let Some(bytes) = bytes else { return Ok(Vec::new()) };
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|error| Fault::Malformed(format!("what refers to it: {error}")))?;
    let bundles = index
        .manifests
        .into_iter()
        .filter(|entry| entry.artifact_type.as_ref().is_some_and(|kind| kind.starts_with(BUNDLE)));
    Ok(bundles.map(|entry| entry.digest).collect())
}
