//! Image references.

use std::fmt;

/// An image reference in its parts, with Docker Hub's several spellings made one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Registry and path; images of Docker Hub without registry and without `library/`.
    pub repository: String,
    /// The tag, if one is written.
    pub tag: Option<String>,
    /// The digest, `sha256:…`, if one is written.
    pub digest: Option<String>,
}

impl Image {
    /// Takes a reference apart. None where it has an empty part, or a digest that is no SHA-256.
    pub fn parse(reference: &str) -> Option<Self> {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return None;
        }
        // A colon before the last slash belongs to the registry's port.
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            Some(_) | None => (name, None),
        };
        let hub = ["docker.io/", "index.docker.io/", "registry-1.docker.io/"];
        let path = hub.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        let path = path.strip_prefix("library/").unwrap_or(path);
        let empty = path.is_empty() || tag.is_some_and(str::is_empty);
        (!empty).then(|| Self {
            repository: path.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// Returns the same image with this digest.
    #[must_use]
    pub fn pinned(mut self, digest: &str) -> Self {
        self.digest = Some(digest.to_owned());
        self
    }

    /// Returns the same tag and digest of another repository.
    #[must_use]
    pub fn moved_to(mut self, repository: &str) -> Self {
        repository.clone_into(&mut self.repository);
        self
    }
}

impl fmt::Display for Image {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(out, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(out, "@{digest}")?;
        }
        Ok(())
    }
}

/// Returns whether a text is a SHA-256 digest as registries write it.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Returns the first twelve characters of a digest, which tell digests apart for people.
pub fn short(digest: &str) -> &str {
    digest.strip_prefix("sha256:").and_then(|hex| hex.get(..12)).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hubs_spellings_are_one() {
        for text in [
            "redis:7.2",
            "docker.io/redis:7.2",
            "docker.io/library/redis:7.2",
            "index.docker.io/library/redis:7.2",
        ] {
            assert_eq!(Image::parse(text).unwrap().to_string(), "redis:7.2");
        }
        let minio = Image::parse("minio/minio").unwrap();
        assert_eq!((minio.repository.as_str(), minio.tag), ("minio/minio", None));
    }

    #[test]
    fn a_port_is_not_a_tag_and_a_bad_digest_is_no_image() {
        let local = Image::parse("127.0.0.1:5000/redis").unwrap();
        assert_eq!((local.repository.as_str(), local.tag), ("127.0.0.1:5000/redis", None));
        for bad in ["", ":7", "redis:", "redis@sha256:12", "redis@md5:00"] {
            assert!(Image::parse(bad).is_none(), "{bad}");
        }
        let digest = format!("sha256:{}", "a".repeat(64));
        let pinned = Image::parse(&format!("redis:7.2@{digest}")).unwrap();
        assert_eq!(pinned.digest.as_deref(), Some(digest.as_str()));
        assert_eq!(short(&digest), "aaaaaaaaaaaa");
    }
}
