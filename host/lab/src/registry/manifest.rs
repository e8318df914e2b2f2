//! Manifests: small OCI documents whose digest is really theirs.

use serde_json::json;

use crate::identity;

/// Returns the manifest of one build of one image version.
///
/// It names its repository and version and no layer, so that its SHA-256, which clients check, depends
/// on these alone.
pub(crate) fn manifest(repository: &str, version: &str, build: u32) -> String {
    let config = identity::hex(&["config", repository, version, &build.to_string()]);
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": format!("sha256:{config}"),
            "size": 2,
        },
        "layers": [],
        "annotations": {
            "org.opencontainers.image.ref.name": repository,
            "org.opencontainers.image.version": version,
            "dev.lockstep.lab.build": build.to_string(),
        },
    })
    .to_string()
}

/// Returns the digest of a manifest's bytes.
pub(crate) fn digest(manifest: &str) -> String {
    use sha2::Digest as _;
    format!("sha256:{}", identity::digits(&sha2::Sha256::digest(manifest.as_bytes())))
}
