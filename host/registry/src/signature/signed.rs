//! A signature, and whether it is over the bytes that it came with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_engine::model::Digest;
use serde::{Deserialize, Serialize};

use super::{PublicKey, bundle, simple};
use crate::oci::manifest::Manifest;

/// A signature as its publisher wrote it, together with everything that leads from it to the component's bytes.
///
/// It proves nothing until it is verified with a key, which needs no network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signature(pub(crate) Form);

/// The ways in which cosign signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Form {
    /// `cosign sign-blob`: over the component itself.
    Blob {
        /// The signature.
        signature: Encoded,
    },
    /// `cosign sign`: over a payload that names the manifest, which names the component.
    Simple {
        /// The manifest's bytes.
        manifest: Encoded,
        /// The signed payload's bytes.
        payload: Encoded,
        /// The signature.
        signature: Encoded,
    },
    /// `cosign sign` from version 3 on: over a statement in an envelope that names the manifest.
    Envelope {
        /// The manifest's bytes.
        manifest: Encoded,
        /// What the envelope says that it holds.
        payload_type: String,
        /// The signed statement's bytes.
        payload: Encoded,
        /// The signature.
        signature: Encoded,
    },
}

/// Bytes that are stored as base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Encoded(pub(crate) Vec<u8>);

/// Why a signature does not show that a key signed the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It was made with another key, or is damaged.
    #[error("it was not made with the key")]
    OtherKey,
    /// What it signs is another manifest.
    #[error("it is over another manifest, {0}")]
    OtherManifest(Digest),
    /// The manifest that it signs leads to other bytes.
    #[error("it is over a manifest of other bytes")]
    OtherBytes,
    /// What it signs is not the statement that cosign makes.
    #[error("what it signs could not be read: {0}")]
    Unreadable(String),
}

/// The bytes are signed by nobody that was named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature at all.
    #[error("the plugin is not signed")]
    Unsigned,
    /// There are signatures, and none of them is one of these keys' over these bytes.
    #[error(
        "none of the plugin's {signatures} signature(s) is by {names}: {flaw}",
        names = names(.keys)
    )]
    Wrong {
        /// How many signatures there are.
        signatures: usize,
        /// The names of the keys that were tried.
        keys: Vec<String>,
        /// What is wrong with the signature that came nearest.
        flaw: Flaw,
    },
}

impl SignatureError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unsigned => {
                "ask the publisher to sign it (`cosign sign --key cosign.key`, or `lockstep plugin publish --key`), \
                 then add it again"
            }
            Self::Wrong { .. } => {
                "compare the publisher's key with the one that is named in `signers`; if they are equal, these bytes \
                 are not what the publisher signed and must not be run"
            }
        }
    }
}

impl Signature {
    /// Verifies that the owner of `key` signed `component`.
    pub(crate) fn verify(
        &self,
        component: &[u8],
        digest: &Digest,
        key: &PublicKey,
    ) -> Result<(), Flaw> {
        let made = |message: &[u8], signature: &Encoded| {
            if key.made(message, &signature.0) { Ok(()) } else { Err(Flaw::OtherKey) }
        };
        let (manifest, named) = match &self.0 {
            Form::Blob { signature } => return made(component, signature),
            Form::Simple { manifest, payload, signature } => {
                made(&payload.0, signature)?;
                (manifest, simple::manifest_of(&payload.0)?)
            }
            Form::Envelope { manifest, payload_type, payload, signature } => {
                made(&bundle::encoded(payload_type, &payload.0), signature)?;
                (manifest, bundle::manifest_of(payload_type, &payload.0)?)
            }
        };
        if Digest::of(&manifest.0) != named {
            return Err(Flaw::OtherManifest(named));
        }
        let manifest =
            Manifest::read(&manifest.0).map_err(|error| Flaw::Unreadable(error.to_string()))?;
        match manifest.component() {
            Ok(layer) if layer.digest == *digest => Ok(()),
            Ok(_) => Err(Flaw::OtherBytes),
            Err(error) => Err(Flaw::Unreadable(error.to_string())),
        }
    }
}

/// Returns the name of the first key whose owner signed `component`.
pub(crate) fn signer<'k>(
    signatures: &[Signature],
    component: &[u8],
    digest: &Digest,
    keys: &'k [(String, PublicKey)],
) -> Result<&'k str, SignatureError> {
    if signatures.is_empty() {
        return Err(SignatureError::Unsigned);
    }
    let mut nearest = Flaw::OtherKey;
    for (name, key) in keys {
        for signature in signatures {
            match signature.verify(component, digest, key) {
                Ok(()) => return Ok(name),
                Err(Flaw::OtherKey) => {}
                Err(flaw) => nearest = flaw,
            }
        }
    }
    let names = keys.iter().map(|(name, _)| name.clone()).collect();
    Err(SignatureError::Wrong { signatures: signatures.len(), keys: names, flaw: nearest })
}

fn names(keys: &[String]) -> String {
    if keys.is_empty() {
        return "a signer that is named: no signer is".to_owned();
    }
    keys.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

impl TryFrom<String> for Encoded {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text).map(Self)
    }
}

impl From<Encoded> for String {
    fn from(encoded: Encoded) -> Self {
        STANDARD.encode(encoded.0)
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SigningKey, payload};
    use super::*;

    const MANIFEST: &[u8] = include_bytes!("../../tests/it/fixtures/manifest.json");

    #[test]
    fn a_true_signature_beside_other_bytes_is_worthless() {
        let key = include_str!("../../tests/it/fixtures/p256.key").into();
        let key = SigningKey::from_pem(&key, None).unwrap();
        let payload = payload("ghcr.io/acme/minio", &Digest::of(MANIFEST));
        let signature = Encoded(key.sign(&payload).unwrap());
        let simple = |manifest: &[u8], signature| {
            let (manifest, payload) = (Encoded(manifest.to_owned()), Encoded(payload.clone()));
            Signature(Form::Simple { manifest, payload, signature })
        };
        let signed = b"\0asm\x0d\0\x01\0\0\x0b\x04testsigned";
        let verify = |signature: &Signature, bytes: &[u8]| {
            signature.verify(bytes, &Digest::of(bytes), &key.public_key())
        };
        let ours = simple(MANIFEST, signature.clone());
        assert_eq!(verify(&ours, signed), Ok(()));
        assert_eq!(verify(&ours, b"other"), Err(Flaw::OtherBytes));
        // A manifest that leads to other bytes is not the one that was signed.
        let text = String::from_utf8_lossy(MANIFEST);
        let other = Digest::of(b"other").to_string();
        let other = text.replace(&Digest::of(signed).to_string(), &other);
        let moved = simple(other.as_bytes(), signature);
        assert_eq!(verify(&moved, b"other"), Err(Flaw::OtherManifest(Digest::of(MANIFEST))));
        assert_eq!(verify(&simple(MANIFEST, Encoded(vec![0; 64])), signed), Err(Flaw::OtherKey));
    }
}
