//! The payload that `cosign sign` signs: a small JSON document that names a manifest.

use lockstep_engine::model::Digest;
use serde::Deserialize;

use super::Flaw;

/// What the payload says that it is.
const KIND: &str = "cosign container image signature";

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    r#type: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    manifest: Digest,
}

/// Returns the payload that is to be signed for a manifest of a repository.
pub(crate) fn payload(repository: &str, manifest: &Digest) -> Vec<u8> {
    let document = serde_json::json!({
        "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": manifest },
            "type": KIND,
        },
        "optional": null,
    });
    document.to_string().into_bytes()
}

/// Returns the manifest that a payload names.
pub(super) fn manifest_of(payload: &[u8]) -> Result<Digest, Flaw> {
    let payload: Payload =
        serde_json::from_slice(payload).map_err(|error| Flaw::Unreadable(error.to_string()))?;
    // A signature that its owner made for something else is none for a manifest.
    if payload.critical.r#type != KIND {
        return Err(Flaw::Unreadable(format!("it is of type `{}`", payload.critical.r#type)));
    }
    Ok(payload.critical.image.manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_another_type_names_no_manifest() {
        let manifest = Digest::of(b"manifest");
        let ours = payload("ghcr.io/acme/minio", &manifest);
        assert_eq!(manifest_of(&ours), Ok(manifest));
        let other = String::from_utf8(ours).unwrap().replace("cosign container", "some");
        assert!(matches!(manifest_of(other.as_bytes()), Err(Flaw::Unreadable(_))));
        assert!(matches!(manifest_of(b"{}"), Err(Flaw::Unreadable(_))));
    }
}
