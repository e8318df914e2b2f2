//! An artifact as a registry serves it, to be told truly or not.

use lockstep_engine::model::Digest;
use serde_json::{Value, json};

use super::{Answer, Asked};

/// The manifest's media type.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An artifact at tag `1` of `acme/minio`.
#[derive(Clone)]
pub(crate) struct Artifact {
    pub(crate) component: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Value,
}

impl Artifact {
    pub(crate) fn new(component: &[u8]) -> Self {
        let config = json!({
            "created": "2026-11-01T10:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [Digest::of(component)],
            "component": { "exports": [], "imports": [], "target": null },
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part("application/vnd.wasm.config.v0+json", &config),
            "layers": [part("application/wasm", component)],
        });
        Self { component: component.to_owned(), config, manifest }
    }

    /// The manifest's digest.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.manifest.to_string().as_bytes())
    }

    /// What an honest registry answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Answer {
        let manifest = self.manifest.to_string();
        let paths = [
            ("manifests/1".to_owned(), MANIFEST, manifest.as_bytes()),
            (format!("manifests/{}", self.digest()), MANIFEST, manifest.as_bytes()),
            (
                format!("blobs/{}", Digest::of(&self.component)),
                "application/octet-stream",
                &self.component,
            ),
            (
                format!("blobs/{}", Digest::of(&self.config)),
                "application/octet-stream",
                &self.config,
            ),
        ];
        let found = paths.iter().find(|(path, ..)| asked.path == format!("/v2/acme/minio/{path}"));
        match found {
            Some((_, kind, bytes)) => {
                Answer::Whole(200, vec![("content-type", (*kind).to_owned())], bytes.to_vec())
            }
            None => Answer::status(404),
        }
    }
}
