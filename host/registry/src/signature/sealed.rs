//! A private key as `cosign generate-key-pair` encrypts it: scrypt, then `NaCl`'s secret box.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead as _;
use crypto_secretbox::{KeyInit as _, Nonce, XSalsa20Poly1305};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Deserialize;

/// Both labels that cosign has used.
const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// More work than any version of cosign asks for; a file that asks for more would only stop the program.
const MOST_N: u64 = 1 << 20;

/// An encrypted key could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// No password was given.
    #[error("it needs a password")]
    NoPassword,
    /// The password does not open it, or it is damaged.
    #[error("the password is wrong, or the file is damaged")]
    Password,
    /// It is not in the form that cosign writes.
    #[error("it is not in the form that cosign writes: {0}")]
    Form(String),
}

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Returns the base64 inside `pem` if it is an encrypted key of cosign.
pub(super) fn find(pem: &str) -> Option<String> {
    LABELS.iter().find_map(|label| {
        let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
        let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
        Some(inside.split_whitespace().collect())
    })
}

/// Opens an encrypted key; what comes out is PKCS#8.
pub(super) fn open(
    text: &str,
    password: Option<&SecretString>,
) -> Result<SecretSlice<u8>, UnsealError> {
    let password = password.ok_or(UnsealError::NoPassword)?;
    let json = decode(text)?;
    let sealed: Sealed =
        serde_json::from_slice(&json).map_err(|error| UnsealError::Form(error.to_string()))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        let Sealed { kdf, cipher, .. } = sealed;
        return Err(UnsealError::Form(format!("`{}` with `{}`", kdf.name, cipher.name)));
    }
    let Params { n, r, p } = sealed.kdf.params;
    if !n.is_power_of_two() || n > MOST_N || r > 16 || p > 16 {
        return Err(UnsealError::Form(format!("scrypt with N {n}, r {r} and p {p}")));
    }
    let params = u8::try_from(n.trailing_zeros())
        .map_err(|error| UnsealError::Form(error.to_string()))
        .and_then(|log| {
            scrypt::Params::new(log, r, p, 32).map_err(|error| UnsealError::Form(error.to_string()))
        })?;
    let mut key = [0; 32];
    scrypt::scrypt(
        password.expose_secret().as_bytes(),
        &decode(&sealed.kdf.salt)?,
        &params,
        &mut key,
    )
    .map_err(|error| UnsealError::Form(error.to_string()))?;
    let nonce: [u8; 24] = decode(&sealed.cipher.nonce)?
        .try_into()
        .map_err(|nonce: Vec<u8>| UnsealError::Form(format!("a nonce of {} bytes", nonce.len())))?;
    let ciphertext = decode(&sealed.ciphertext)?;
    match XSalsa20Poly1305::new(&key.into()).decrypt(&Nonce::from(nonce), ciphertext.as_slice()) {
        Ok(der) => Ok(der.into()),
        Err(crypto_secretbox::aead::Error) => Err(UnsealError::Password),
    }
}

fn decode(text: &str) -> Result<Vec<u8>, UnsealError> {
    STANDARD.decode(text).map_err(|error| UnsealError::Form(error.to_string()))
}
