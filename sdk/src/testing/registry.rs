//! The registries of images, from memory.

use std::collections::BTreeMap;

/// Which images there are, and what they resolve to.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// Digests by image and tag: `redis:7.2.4`; or by a digest behind that, for what a tag pointed to formerly.
    pub images: BTreeMap<String, String>,
    /// What every other image resolves to. Where nothing is said there is none.
    pub others: Option<String>,
    /// How the names of images begin that are gone, whatever else is said.
    pub gone: Vec<String>,
}

impl Registry {
    /// Publishes an image.
    pub fn publish(&mut self, image: impl Into<String>, digest: impl Into<String>) {
        self.images.insert(image.into(), digest.into());
    }

    /// Returns the digest to which an image resolves. One with a digest resolves to that or to nothing.
    pub fn resolve(&self, image: &str) -> Option<String> {
        if self.gone.iter().any(|gone| image.starts_with(gone.as_str())) {
            return None;
        }
        if let Some(digest) = self.images.get(image) {
            return Some(digest.clone());
        }
        let Some((tagged, wanted)) = image.split_once('@') else { return self.others.clone() };
        match self.images.get(tagged) {
            Some(digest) => (digest == wanted).then(|| digest.clone()),
            None => self.others.is_some().then(|| wanted.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_found_where_it_was_published() {
        let mut registry = Registry::default();
        registry.publish("redis:7", "sha256:a");
        registry.publish("redis:6@sha256:f", "sha256:f");
        assert_eq!(registry.resolve("redis:7").as_deref(), Some("sha256:a"));
        assert_eq!(registry.resolve("redis:7@sha256:a").as_deref(), Some("sha256:a"));
        assert_eq!(registry.resolve("redis:7@sha256:b"), None);
        assert_eq!(registry.resolve("redis:6@sha256:f").as_deref(), Some("sha256:f"));
        assert_eq!(registry.resolve("redis:6"), None);

        registry.others = Some("sha256:c".to_owned());
        assert_eq!(registry.resolve("minio:1").as_deref(), Some("sha256:c"));
        assert_eq!(registry.resolve("minio:1@sha256:d").as_deref(), Some("sha256:d"));
        registry.gone.push("minio".to_owned());
        assert_eq!(registry.resolve("minio:1@sha256:d"), None);
    }
}
