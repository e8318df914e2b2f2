//! Which tags there are, and what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use super::image::Image;
use super::manifest;

/// Repository, version, and the tags that stand for it; a version is a tag of its own.
const PUBLISHED: &[(&str, &str, &[&str])] = &[
    ("redis", "6.0.16", &["6.0"]),
    ("redis", "6.2.14", &["6.2", "6"]),
    ("redis", "7.0.15", &["7.0"]),
    ("redis", "7.2.4", &["7.2"]),
    ("redis", "7.4.2", &["7.4", "7"]),
    ("redis", "8.0.2", &["8.0", "8", "latest"]),
    ("bitnami/redis", "7.2.4", &["7.2"]),
    ("valkey/valkey", "8.0.1", &["8.0", "8"]),
    ("berriai/litellm-database", "main-v1.63.14-stable", &[]),
    ("berriai/litellm-database", "main-v1.80.0-stable", &["main-stable"]),
    ("berriai/litellm-database", "main-v1.106.2-stable", &["main-latest"]),
    ("langfuse/langfuse", "2.92.0", &[]),
    ("langfuse/langfuse", "2.95.11", &["2"]),
    ("langfuse/langfuse", "3.29.0", &[]),
    ("langfuse/langfuse", "3.50.0", &[]),
    ("langfuse/langfuse", "3.170.0", &[]),
    ("langfuse/langfuse", "3.225.4", &["3"]),
    ("langfuse/langfuse", "4.16.0", &["4", "latest"]),
    ("langfuse/langfuse-worker", "3.29.0", &[]),
    ("langfuse/langfuse-worker", "3.50.0", &[]),
    ("langfuse/langfuse-worker", "3.170.0", &[]),
    ("langfuse/langfuse-worker", "3.225.4", &["3"]),
    ("langfuse/langfuse-worker", "4.16.0", &["4", "latest"]),
    ("clickhouse/clickhouse-server", "24.8.4.13", &["24", "24.8", "24.8.4"]),
    ("clickhouse/clickhouse-server", "25.8.2.29", &["25.8"]),
    ("clickhouse/clickhouse-server", "25.12.1.649", &["25", "25.12"]),
    ("clickhouse/clickhouse-server", "26.9.2.1", &["26", "26.9", "latest"]),
    ("minio/minio", "RELEASE.2025-04-22T22-12-26Z", &["latest"]),
    ("minio/minio", "RELEASE.2025-09-07T16-13-09Z", &[]),
    ("railwayapp-templates/postgres-ssl", "14", &[]),
    ("railwayapp-templates/postgres-ssl", "15", &[]),
    ("railwayapp-templates/postgres-ssl", "16", &[]),
    ("railwayapp-templates/postgres-ssl", "17", &[]),
    ("railwayapp-templates/postgres-ssl", "18", &["latest"]),
    ("postgres", "14", &[]),
    ("postgres", "15", &[]),
    ("postgres", "16", &[]),
    ("postgres", "17", &[]),
    ("postgres", "18", &["latest"]),
    ("railwayapp-templates/postgres-ha/postgres-patroni", "14", &[]),
    ("railwayapp-templates/postgres-ha/postgres-patroni", "15", &[]),
    ("railwayapp-templates/postgres-ha/postgres-patroni", "16", &[]),
    ("railwayapp-templates/postgres-ha/postgres-patroni", "17", &[]),
    ("railwayapp-templates/postgres-ha/postgres-patroni", "18", &["latest"]),
    ("railwayapp-templates/postgres-ha/etcd", "3.6.6", &["3"]),
    ("railwayapp-templates/postgres-ha/haproxy", "3.2", &["3"]),
    ("bitnami/postgresql-repmgr", "16.14.0", &["16"]),
    ("bitnami/pgpool", "4.3.5", &["4"]),
];

/// Published under another repository too, with the same digest: Bitnami's images after 2025.
const MIRRORED: &[(&str, &str)] = &[
    ("bitnami/redis", "bitnamilegacy/redis"),
    ("bitnami/postgresql-repmgr", "bitnamilegacy/postgresql-repmgr"),
    ("bitnami/pgpool", "bitnamilegacy/pgpool"),
];

/// No longer to be had under this name. Of the cluster's images too only the legacy ones are kept up, but the template
/// that names the others was never changed, and what it deploys is to run here.
const GONE: &[&str] = &["bitnami/redis"];

/// What pulling an image gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pulled {
    pub(crate) digest: String,
    /// The version inside, whatever the tag says.
    pub(crate) version: String,
}

/// The registries' contents.
#[derive(Debug)]
pub(crate) struct Registry {
    tags: BTreeMap<(String, String), String>,
    builds: BTreeMap<String, Build>,
    /// Repositories whose images can't be pulled any more, not even by digest.
    gone: BTreeSet<String>,
}

#[derive(Debug)]
struct Build {
    repositories: BTreeSet<String>,
    version: String,
    manifest: String,
}

impl Registry {
    pub(crate) fn new() -> Self {
        let mut registry =
            Self { tags: BTreeMap::new(), builds: BTreeMap::new(), gone: BTreeSet::new() };
        for (repository, version, tags) in PUBLISHED {
            registry.publish(repository, version, version, 1);
            for tag in *tags {
                registry.publish(repository, tag, version, 1);
            }
        }
        for (from, to) in MIRRORED {
            registry.mirror(from, to);
        }
        registry.gone.extend(GONE.iter().map(|gone| (*gone).to_owned()));
        registry
    }

    /// Returns what `image` stands for, or nothing where the registry answers 404.
    pub(crate) fn pull(&self, image: &Image) -> Option<Pulled> {
        if self.gone.contains(&image.repository) {
            return None;
        }
        self.held(image)
    }

    /// Returns what `image` stood for when Railway last pulled it, be it gone since or not.
    pub(crate) fn held(&self, image: &Image) -> Option<Pulled> {
        let tagged = || self.tags.get(&(image.repository.clone(), image.tag.clone()));
        let digest = image.digest.as_ref().or_else(tagged)?;
        let build = self
            .builds
            .get(digest)
            .filter(|build| build.repositories.contains(&image.repository))?;
        Some(Pulled { digest: digest.clone(), version: build.version.clone() })
    }

    pub(crate) fn manifest(&self, digest: &str) -> Option<&str> {
        self.builds.get(digest).map(|build| build.manifest.as_str())
    }

    pub(crate) fn tags(&self, repository: &str) -> Vec<&str> {
        if self.gone.contains(repository) {
            return Vec::new();
        }
        self.tags
            .keys()
            .filter(|(name, _)| name == repository)
            .map(|(_, tag)| tag.as_str())
            .collect()
    }

    /// Makes `image`'s tag stand for another build, of `version` or of the version that it stood for.
    ///
    /// Returns the new digest, or nothing where the tag is unknown and no version was given.
    pub(crate) fn move_tag(&mut self, image: &Image, version: Option<&str>) -> Option<String> {
        let before = self.held(&Image { digest: None, ..image.clone() });
        let version = match (version, before) {
            (Some(version), _) => version.to_owned(),
            (None, Some(before)) => before.version,
            (None, None) => return None,
        };
        let mut build = 1;
        let mut digest = manifest::digest(&manifest::manifest(&image.repository, &version, build));
        while self.tags.get(&(image.repository.clone(), image.tag.clone())) == Some(&digest) {
            build += 1;
            digest = manifest::digest(&manifest::manifest(&image.repository, &version, build));
        }
        self.publish(&image.repository, &image.tag, &version, build);
        Some(digest)
    }

    /// Takes a tag, or with a digest that build, out of the registry; false where it isn't there.
    pub(crate) fn vanish(&mut self, image: &Image) -> bool {
        match &image.digest {
            Some(digest) => self
                .builds
                .get_mut(digest)
                .is_some_and(|build| build.repositories.remove(&image.repository)),
            None => self.tags.remove(&(image.repository.clone(), image.tag.clone())).is_some(),
        }
    }

    fn publish(&mut self, repository: &str, tag: &str, version: &str, build: u32) {
        let manifest = manifest::manifest(repository, version, build);
        let digest = manifest::digest(&manifest);
        self.tags.insert((repository.to_owned(), tag.to_owned()), digest.clone());
        let build = self.builds.entry(digest).or_insert_with(|| Build {
            repositories: BTreeSet::new(),
            version: version.to_owned(),
            manifest,
        });
        build.repositories.insert(repository.to_owned());
    }

    fn mirror(&mut self, from: &str, to: &str) {
        let same: Vec<_> = self
            .tags
            .iter()
            .filter(|((name, _), _)| name == from)
            .map(|((_, tag), digest)| (tag.clone(), digest.clone()))
            .collect();
        for (tag, digest) in same {
            self.tags.insert((to.to_owned(), tag), digest.clone());
            if let Some(build) = self.builds.get_mut(&digest) {
                build.repositories.insert(to.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitnamis_redis_is_gone_and_its_digest_is_still_in_the_legacy_repository() {
        let registry = Registry::new();
        let gone = Image::parse("bitnami/redis:7.2");
        assert_eq!(registry.pull(&gone), None);
        let held = registry.held(&gone).unwrap();
        let legacy = registry.pull(&Image::parse("bitnamilegacy/redis:7.2")).unwrap();
        assert_eq!(held, legacy);
        assert_eq!(registry.pull(&Image::parse(&format!("bitnami/redis@{}", held.digest))), None);
        assert_eq!(
            registry.pull(&Image::parse(&format!("bitnamilegacy/redis@{}", held.digest))),
            Some(held)
        );
    }

    #[test]
    fn a_moved_tag_stands_for_another_digest_and_the_old_one_stays_pullable() {
        let mut registry = Registry::new();
        let tag = Image::parse("redis:7.0");
        let before = registry.pull(&tag).unwrap();
        let digest = registry.move_tag(&tag, None).unwrap();
        let after = registry.pull(&tag).unwrap();
        assert_eq!(after, Pulled { digest, version: before.version.clone() });
        assert_ne!(after.digest, before.digest);
        assert_eq!(registry.pull(&Image::parse(&format!("redis@{}", before.digest))), Some(before));
    }

    #[test]
    fn a_vanished_tag_is_not_found() {
        let mut registry = Registry::new();
        let tag = Image::parse("langfuse/langfuse:3");
        assert!(registry.vanish(&tag));
        assert_eq!(registry.pull(&tag), None);
        assert!(!registry.vanish(&tag));
    }
}
