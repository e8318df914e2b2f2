//! The key that a publisher signs with.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::public_key::{Kind, PublicKey};
use super::sealed::{self, UnsealError};

/// The private half of a key: ECDSA over P-256, or Ed25519.
pub struct SigningKey(Pair);

enum Pair {
    EcdsaP256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A text holds no private key that can sign.
#[derive(Debug, thiserror::Error)]
pub enum ParseSigningKeyError {
    /// It is not PEM with a private key.
    #[error("expected a private key in PEM: PKCS#8 (`BEGIN PRIVATE KEY`) or `cosign.key`")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// It is cosign's encrypted key and could not be opened.
    #[error("could not open the encrypted key")]
    Sealed(#[source] UnsealError),
    /// The key is of another kind, or damaged.
    #[error("the key is neither ECDSA over P-256 nor Ed25519 in PKCS#8")]
    Kind,
}

/// Signing failed.
#[derive(Debug, thiserror::Error)]
#[error("could not sign: the machine gave no randomness")]
pub(crate) struct SignError;

impl SigningKey {
    /// Reads a key from PEM: PKCS#8 as it is, or as cosign encrypts it with `password`, which may be empty.
    ///
    /// # Errors
    /// It is no such PEM, the password is missing or wrong, or the key is of another kind.
    pub fn from_pem(
        pem: &SecretString,
        password: Option<&SecretString>,
    ) -> Result<Self, ParseSigningKeyError> {
        let text = pem.expose_secret();
        if let Some(sealed) = sealed::find(text) {
            let der = sealed::open(&sealed, password).map_err(ParseSigningKeyError::Sealed)?;
            return Self::from_pkcs8(&der);
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
            .map_err(ParseSigningKeyError::Pem)?;
        Self::from_pkcs8(&der.secret_pkcs8_der().to_vec().into())
    }

    /// Returns the other half, with which others verify what this key signs.
    pub fn public_key(&self) -> PublicKey {
        match &self.0 {
            Pair::EcdsaP256(pair) => PublicKey::new(Kind::EcdsaP256, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => PublicKey::new(Kind::Ed25519, pair.public_key().as_ref()),
        }
    }

    /// Signs `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.0 {
            Pair::EcdsaP256(pair) => match pair.sign(&SystemRandom::new(), message) {
                Ok(signature) => Ok(signature.as_ref().to_vec()),
                Err(ring::error::Unspecified) => Err(SignError),
            },
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    fn from_pkcs8(der: &SecretSlice<u8>) -> Result<Self, ParseSigningKeyError> {
        let der = der.expose_secret();
        let random = SystemRandom::new();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random) {
            return Ok(Self(Pair::EcdsaP256(pair)));
        }
        // OpenSSL and Go write Ed25519 keys without their public half, so there is nothing to compare.
        match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            Ok(pair) => Ok(Self(Pair::Ed25519(pair))),
            Err(_rejected) => Err(ParseSigningKeyError::Kind),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningKey(…)")
    }
}
