//! Where a plugin comes from.

use std::ffi::OsStr;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lockstep_engine::model::{Digest, ParseDigestError};
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Where a plugin comes from: `bundled`, `file:PATH`, `https://HOST/NAME.wasm`, `oci://HOST/REPO:TAG` or
/// `oci://HOST/REPO@sha256:DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// Part of the program.
    Bundled,
    /// A file of this machine; a relative path is relative to the process's folder.
    File(PathBuf),
    /// A file of a web server.
    Https(WebAddress),
    /// An artifact of an OCI registry.
    Oci(OciSource),
}

/// The address of a file at a web server: `https`, or plain `http` where the host is this machine's loopback.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebAddress(Url);

/// A repository of an OCI registry and what is meant in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OciSource {
    host: String,
    repository: String,
    reference: OciReference,
}

/// What is meant in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OciReference {
    /// Whatever the tag leads to now; it may be moved.
    Tag(String),
    /// The manifest with this digest, always.
    Manifest(Digest),
}

/// A text does not say where a plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no source of a plugin: {why}")]
pub struct ParseSourceError {
    /// The text.
    pub text: String,
    /// What is wrong with it, and what was expected.
    pub why: String,
}

impl WebAddress {
    /// Returns the whole address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Returns the address of the detached signature that belongs to the file.
    pub(crate) fn signature(&self) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}.sig", self.0.path()));
        url
    }
}

impl OciSource {
    /// Returns the registry's host with its port, if one is named.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the repository, such as `acme/plugins/minio`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns what is meant in the repository.
    pub fn reference(&self) -> &OciReference {
        &self.reference
    }

    /// Returns the same repository at exactly this manifest, whatever becomes of its tags.
    #[must_use]
    pub fn at(&self, manifest: Digest) -> Self {
        Self { reference: OciReference::Manifest(manifest), ..self.clone() }
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => out.write_str(tag),
            Self::Manifest(digest) => digest.fmt(out),
        }
    }
}

impl fmt::Display for OciSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.reference {
            OciReference::Tag(_) => ':',
            OciReference::Manifest(_) => '@',
        };
        write!(out, "oci://{}/{}{sign}{}", self.host, self.repository, self.reference)
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => out.write_str("bundled"),
            Self::File(path) => write!(out, "file:{}", path.display()),
            Self::Https(address) => address.fmt(out),
            Self::Oci(source) => source.fmt(out),
        }
    }
}

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        if text == "bundled" {
            Ok(Self::Bundled)
        } else if let Some(path) = text.strip_prefix("file:") {
            if path.is_empty() || path.contains('\0') {
                return Err(wrong(text, "expected a path after `file:`"));
            }
            Ok(Self::File(PathBuf::from(path)))
        } else if text.starts_with("oci:") {
            text.parse().map(Self::Oci)
        } else if text.starts_with("https:") || text.starts_with("http:") {
            text.parse().map(Self::Https)
        } else {
            Err(wrong(
                text,
                "expected `bundled`, `file:PATH`, `https://HOST/NAME.wasm`, `oci://HOST/REPOSITORY:TAG` or \
                 `oci://HOST/REPOSITORY@sha256:DIGEST`",
            ))
        }
    }
}

impl FromStr for WebAddress {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        if text.contains(['@', '?', '#']) {
            // The text may be shown and written down, so what may be secret is not repeated here.
            return Err(wrong("the address", "it may hold no user, password, query or fragment"));
        }
        let url: Url = text.parse().map_err(|error| wrong(text, format!("{error}")))?;
        if Path::new(url.path()).extension() != Some(OsStr::new("wasm")) {
            return Err(wrong(text, "expected the address of a `.wasm` file"));
        }
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            _ => {
                return Err(wrong(text, "plain `http` is only for this machine; use `https`"));
            }
        }
        Ok(Self(url))
    }
}

impl FromStr for OciSource {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, ParseSourceError> {
        let wrong = |why: &str| wrong(text, why);
        let rest = text.strip_prefix("oci://").ok_or_else(|| wrong("expected `oci://`"))?;
        let (host, path) = rest
            .split_once('/')
            .ok_or_else(|| wrong("expected a repository after the registry's host"))?;
        if !is_host(host) {
            return Err(wrong("expected the registry's host in lowercase, such as `ghcr.io`"));
        }
        let (repository, reference) = if let Some((repository, digest)) = path.split_once('@') {
            let digest =
                digest.parse().map_err(|error: ParseDigestError| wrong(&error.to_string()))?;
            (repository, OciReference::Manifest(digest))
        } else {
            let (repository, tag) = path
                .split_once(':')
                .ok_or_else(|| wrong("expected `:TAG` or `@sha256:DIGEST` after the repository"))?;
            if !is_tag(tag) {
                return Err(wrong(
                    "expected a tag of letters, digits, `.`, `_` and `-`, 128 at most",
                ));
            }
            (repository, OciReference::Tag(tag.to_owned()))
        };
        if !is_repository(repository) {
            return Err(wrong(
                "expected a repository of lowercase letters and digits, with `.`, `_`, `-` and `/` between them",
            ));
        }
        Ok(Self { host: host.to_owned(), repository: repository.to_owned(), reference })
    }
}

impl TryFrom<String> for Source {
    type Error = ParseSourceError;

    fn try_from(text: String) -> Result<Self, ParseSourceError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

fn wrong(text: &str, why: impl Into<String>) -> ParseSourceError {
    ParseSourceError { text: text.to_owned(), why: why.into() }
}

/// Returns whether a host, as a URL writes it, can only be this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns whether `host` is a name or an address as a URL writes it, with a port or without.
fn is_host(host: &str) -> bool {
    let Ok(url) = format!("https://{host}/").parse::<Url>() else { return false };
    // Whatever the reading of URLs changes, such as capital letters, would be two names for one host.
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let same = url.host_str().is_some_and(|name| format!("{name}{port}") == host);
    same && url.path() == "/" && url.username().is_empty()
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn is_repository(repository: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        part.bytes().next().is_some_and(alphanumeric)
            && part.bytes().next_back().is_some_and(alphanumeric)
            && part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(|between| {
                matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-')
            })
    };
    repository.len() <= 255 && repository.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_as_it_is_written() {
        let digest = Digest::of(b"lockstep");
        for text in [
            "bundled".to_owned(),
            "file:plugins/minio.wasm".to_owned(),
            "file:/opt/a b.wasm".to_owned(),
            "https://example.com/plugins/minio-1.2.0.wasm".to_owned(),
            "http://127.0.0.1:8080/minio.wasm".to_owned(),
            "oci://ghcr.io/acme/minio:1.2.0".to_owned(),
            "oci://localhost:5000/minio:latest".to_owned(),
            "oci://[::1]:5000/a/b__c/d-e.f:v1_2".to_owned(),
            format!("oci://registry.example.com/acme/plugins/minio@{digest}"),
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
            let json = serde_json::to_string(&text).unwrap();
            let source: Source = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&source).unwrap(), json);
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            "minio.wasm",
            "file:",
            "ftp://example.com/a.wasm",
            "http://example.com/a.wasm",
            "http://127.0.0.1.example.com/a.wasm",
            "https://user:secret@example.com/a.wasm",
            "https://example.com/a.wasm?token=secret",
            "https://example.com/a.zip",
            "oci://ghcr.io",
            "oci://ghcr.io/acme/minio",
            "oci://ghcr.io/acme/minio:",
            "oci://ghcr.io/acme/minio:-1",
            "oci://ghcr.io/acme/minio:1/2",
            "oci://ghcr.io/Acme/minio:1",
            "oci://ghcr.io/acme//minio:1",
            "oci://ghcr.io/acme/../minio:1",
            "oci://ghcr.io/acme/a._b:1",
            "oci://GHCR.io/acme/minio:1",
            "oci://user@ghcr.io/acme/minio:1",
            "oci://ghcr.io:99999/acme/minio:1",
            "oci://ghcr.io/acme/minio@sha256:12",
            "oci://ghcr.io/acme/minio:1@sha256:12",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_never_repeats_a_password() {
        let error = "https://user:hunter2@example.com/a.wasm".parse::<Source>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let error = "https://example.com/a.wasm?token=hunter2".parse::<Source>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
