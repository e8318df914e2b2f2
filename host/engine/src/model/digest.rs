//! SHA-256 digests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use super::wire::{decode, hex};

/// A SHA-256 digest, written `sha256:` and 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected `sha256:` and 64 lowercase hexadecimal digits")]
pub struct ParseDigestError(pub String);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the digest of `value` in canonical form, told apart from other uses by `domain`.
    ///
    /// # Errors
    /// `value` does not serialize to JSON, such as a map with keys that are not text.
    pub fn of_json(domain: &str, value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::of_text(domain, &canonical(value)?))
    }

    /// Returns the digest of a canonical `text`, told apart from other uses by `domain`.
    pub(crate) fn of_text(domain: &str, text: &str) -> Self {
        let hasher = Sha256::new_with_prefix(domain);
        Self(hasher.chain_update(b"\n").chain_update(text).finalize().into())
    }

    /// Returns the first eight digits, enough for people to tell digests apart.
    pub fn short(&self) -> String {
        self.digits().chars().take(8).collect()
    }

    /// Returns the 64 digits without the prefix.
    pub fn digits(&self) -> String {
        hex(&self.0)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let wrong = || ParseDigestError(text.to_owned());
        let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?;
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong());
        }
        decode(digits)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(wrong)
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, ParseDigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sha256:{}", self.digits())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_uppercase_hex_and_short_digests() {
        let digest = Digest::of(b"lockstep");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().replace("sha256:", "").parse::<Digest>().is_err());
        assert!(format!("sha256:{}", digest.digits().to_uppercase()).parse::<Digest>().is_err());
        assert!("sha256:abcd".parse::<Digest>().is_err());
    }

    #[test]
    fn the_order_of_keys_does_not_change_a_digest() {
        let one: serde_json::Value =
            serde_json::from_str(r#"{"b":1,"a":[{"d":2,"c":3}]}"#).unwrap();
        let other: serde_json::Value =
            serde_json::from_str(r#"{"a":[{"c":3,"d":2}],"b":1}"#).unwrap();
        assert_eq!(Digest::of_json("t", &one).unwrap(), Digest::of_json("t", &other).unwrap());
        assert_ne!(Digest::of_json("t", &one).unwrap(), Digest::of_json("u", &one).unwrap());
    }
}
