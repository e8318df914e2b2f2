//! The key that a signature is verified with.

use std::fmt;
use std::str::FromStr;

use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use spki::der::AnyRef;
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The public half of a key, read from PEM (`cosign.pub`): ECDSA over P-256, or Ed25519.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    EcdsaP256,
    Ed25519,
}

/// A text holds no public key that signatures can be verified with.
#[derive(Debug, thiserror::Error)]
pub enum ParseKeyError {
    /// It is not PEM with a public key.
    #[error("expected a public key in PEM, beginning with `-----BEGIN PUBLIC KEY-----`")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// What the PEM holds is not a public key.
    #[error("the PEM holds no well-formed public key")]
    Der(#[source] spki::Error),
    /// The key is of another kind.
    #[error(
        "the key is neither ECDSA over P-256 nor Ed25519; `cosign generate-key-pair` makes the former"
    )]
    Kind,
}

impl PublicKey {
    pub(super) fn new(kind: Kind, bytes: &[u8]) -> Self {
        Self { kind, bytes: bytes.to_owned() }
    }

    /// Returns whether `signature` over `message` was made with the other half of this key.
    pub(crate) fn made(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match self.kind {
            Kind::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
            Kind::Ed25519 => &ED25519,
        };
        UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).is_ok()
    }

    /// Reads the key from the structure that PEM wraps.
    fn from_der(der: &[u8]) -> Result<Self, ParseKeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(ParseKeyError::Der)?;
        let curve = info.algorithm.parameters.map(AnyRef::decode_as).transpose();
        let kind = match (info.algorithm.oid, curve) {
            (EC, Ok(Some(P256))) => Kind::EcdsaP256,
            (ED, Ok(None)) => Kind::Ed25519,
            (EC | ED | _, Ok(_) | Err(_)) => return Err(ParseKeyError::Kind),
        };
        let bytes = info.subject_public_key.as_bytes().ok_or(ParseKeyError::Kind)?;
        let expected = match kind {
            // An uncompressed point, which is what every tool writes.
            Kind::EcdsaP256 => 65,
            Kind::Ed25519 => 32,
        };
        if bytes.len() != expected {
            return Err(ParseKeyError::Kind);
        }
        Ok(Self::new(kind, bytes))
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(pem: &str) -> Result<Self, ParseKeyError> {
        let der =
            SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(ParseKeyError::Pem)?;
        Self::from_der(&der)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PublicKey({:?})", self.kind)
    }
}
