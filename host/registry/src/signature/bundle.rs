//! Sigstore's bundles, which cosign writes from version 3 on: a signature by a key over a statement in an envelope (DSSE).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_engine::model::Digest;
use serde::Deserialize;

use super::signed::{Encoded, Form};
use super::{Flaw, Signature};

/// The media type of a bundle begins so, whatever its version.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";

/// What an envelope holds.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// What cosign states when it signs an image: nothing more than that it did.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Option<Envelope>,
    message_signature: Option<MessageSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
struct MessageSignature {
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: String,
}

/// Returns the signatures of a bundle over an artifact; other statements than "signed" are none.
///
/// # Errors
/// The text is not a bundle, in words.
pub(crate) fn of_manifest(bundle: &[u8], manifest: &[u8]) -> Result<Vec<Signature>, String> {
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|error| error.to_string())?;
    let Some(envelope) = bundle.dsse_envelope else { return Ok(Vec::new()) };
    let payload = decode(&envelope.payload)?;
    if !is_signing(&envelope.payload_type, &payload) {
        return Ok(Vec::new());
    }
    let signature = |signature: &EnvelopeSignature| {
        Ok(Signature(Form::Envelope {
            manifest: Encoded(manifest.to_owned()),
            payload_type: envelope.payload_type.clone(),
            payload: Encoded(payload.clone()),
            signature: Encoded(decode(&signature.sig)?),
        }))
    };
    envelope.signatures.iter().take(8).map(signature).collect()
}

/// Returns the signature of a bundle that `cosign sign-blob` wrote.
///
/// # Errors
/// The text is no such bundle, in words.
pub(crate) fn of_blob(bundle: &[u8]) -> Result<Signature, String> {
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|error| error.to_string())?;
    let message = bundle.message_signature.ok_or("it holds no signature over a file")?;
    Ok(Signature(Form::Blob { signature: Encoded(decode(&message.signature)?) }))
}

/// Returns the bytes that an envelope's signature is over.
pub(super) fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Returns the manifest that a statement names.
pub(super) fn manifest_of(payload_type: &str, payload: &[u8]) -> Result<Digest, Flaw> {
    if !is_signing(payload_type, payload) {
        return Err(Flaw::Unreadable("it states something else than a signature".to_owned()));
    }
    let statement: Statement =
        serde_json::from_slice(payload).map_err(|error| Flaw::Unreadable(error.to_string()))?;
    let [subject] = statement.subject.as_slice() else {
        return Err(Flaw::Unreadable(format!("it names {} artifacts", statement.subject.len())));
    };
    format!("sha256:{}", subject.digest.sha256)
        .parse()
        .map_err(|error| Flaw::Unreadable(format!("{error}")))
}

fn is_signing(payload_type: &str, payload: &[u8]) -> bool {
    payload_type == STATEMENT
        && serde_json::from_slice::<Statement>(payload)
            .is_ok_and(|statement| statement.predicate_type == SIGNED)
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}
