//! An image's name: repository, tag, digest.

/// A parsed image name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Without the registry's host and without `library/`.
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) digest: Option<String>,
}

impl Image {
    pub(crate) fn parse(text: &str) -> Self {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (name, "latest"),
        };
        Self { repository: plain(repository), tag: tag.to_owned(), digest }
    }
}

/// Returns `repository` without the registry's host and without Docker Hub's `library/`.
pub(crate) fn plain(repository: &str) -> String {
    let without_host = match repository.split_once('/') {
        Some((host, rest)) if host.contains('.') || host.contains(':') || host == "localhost" => {
            rest
        }
        _ => repository,
    };
    without_host.strip_prefix("library/").unwrap_or(without_host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, repository: &str, tag: &str, digest: Option<&str>) {
        let image = Image::parse(text);
        assert_eq!(
            (image.repository.as_str(), image.tag.as_str(), image.digest.as_deref()),
            (repository, tag, digest)
        );
    }

    #[test]
    fn names_are_taken_apart() {
        check("redis:7.2", "redis", "7.2", None);
        check("docker.io/library/redis", "redis", "latest", None);
        check(
            "ghcr.io/berriai/litellm-database:main-stable",
            "berriai/litellm-database",
            "main-stable",
            None,
        );
        check("localhost:5000/a/b@sha256:00", "a/b", "latest", Some("sha256:00"));
        check("minio/minio", "minio/minio", "latest", None);
    }
}
