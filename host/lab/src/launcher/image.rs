//! What an image's name says: which program it holds and in which version.

use crate::{launcher::LaunchError, stand_in::Kind};

/// An image's name in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// The repository, without the public registry's prefix.
    pub(crate) repository: String,
    /// The tag, `latest` if none is named.
    pub(crate) tag: String,
}

/// What the lab starts for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Redis as the official image runs it.
    OfficialRedis,
    /// Redis as Bitnami's image runs it.
    BitnamiRedis,
    /// Valkey as its official image runs it.
    Valkey,
    /// PostgreSQL as the official image and Railway's variant run it.
    Postgres,
    /// A node of a PostgreSQL cluster as Bitnami's image runs it.
    PostgresNode,
    /// PgPool as Bitnami's image runs it.
    PgPool,
    /// PostgreSQL as Railway's image for clusters runs it: under Patroni, or alone.
    PatroniNode,
    /// etcd as Railway's image runs it.
    Etcd,
    /// `HAProxy` as Railway's image runs it in front of a cluster.
    HaProxy,
    /// A stand-in.
    StandIn(Kind),
}

impl Image {
    /// Reads `repository:tag`, `repository:tag@digest` or `repository@digest`.
    pub(crate) fn parse(name: &str) -> Self {
        let name = name.split_once('@').map_or(name, |(name, _digest)| name);
        // A colon before the last slash belongs to a registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (name, "latest"),
        };
        let repository = repository.strip_prefix("docker.io/").unwrap_or(repository);
        let repository = repository.strip_prefix("library/").unwrap_or(repository);
        Self { repository: repository.to_owned(), tag: tag.to_owned() }
    }
}

impl Role {
    /// Finds what to start for `image`; services built from a repository are named `repo:<name>`.
    pub(crate) fn of(image: &str) -> Result<Self, LaunchError> {
        let unknown = || LaunchError::UnknownImage { image: image.to_owned() };
        if let Some(built) = image.strip_prefix("repo:") {
            return match built.rsplit('/').next() {
                Some("backup-service") => Ok(Self::StandIn(Kind::BackupService)),
                Some("health-monitor") => Ok(Self::StandIn(Kind::HealthMonitor)),
                Some("pg-migrate-ha") => Ok(Self::StandIn(Kind::MigrationJob)),
                _ => Err(unknown()),
            };
        }
        match Image::parse(image).repository.as_str() {
            "redis" => Ok(Self::OfficialRedis),
            "bitnami/redis" | "bitnamilegacy/redis" => Ok(Self::BitnamiRedis),
            "valkey/valkey" => Ok(Self::Valkey),
            "postgres" | "ghcr.io/railwayapp-templates/postgres-ssl" | "postgres-ssl" => {
                Ok(Self::Postgres)
            }
            "bitnami/postgresql-repmgr" | "bitnamilegacy/postgresql-repmgr" => {
                Ok(Self::PostgresNode)
            }
            "bitnami/pgpool" | "bitnamilegacy/pgpool" => Ok(Self::PgPool),
            "ghcr.io/railwayapp-templates/postgres-ha/postgres-patroni" => Ok(Self::PatroniNode),
            "ghcr.io/railwayapp-templates/postgres-ha/etcd" => Ok(Self::Etcd),
            "ghcr.io/railwayapp-templates/postgres-ha/haproxy" => Ok(Self::HaProxy),
            "ghcr.io/berriai/litellm"
            | "ghcr.io/berriai/litellm-database"
            | "berriai/litellm"
            | "litellm/litellm" => Ok(Self::StandIn(Kind::LiteLlm)),
            "langfuse/langfuse" | "ghcr.io/langfuse/langfuse" => {
                Ok(Self::StandIn(Kind::LangfuseWeb))
            }
            "langfuse/langfuse-worker" | "ghcr.io/langfuse/langfuse-worker" => {
                Ok(Self::StandIn(Kind::LangfuseWorker))
            }
            "clickhouse/clickhouse-server" | "clickhouse" => Ok(Self::StandIn(Kind::ClickHouse)),
            "minio/minio" | "quay.io/minio/minio" => Ok(Self::StandIn(Kind::MinIo)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, repository: &str, tag: &str) {
        let image = Image::parse(name);
        assert_eq!((image.repository.as_str(), image.tag.as_str()), (repository, tag));
    }

    #[test]
    fn an_image_is_split_into_repository_and_tag() {
        check("redis", "redis", "latest");
        check("docker.io/library/redis:7.0", "redis", "7.0");
        check("bitnami/redis:7.2@sha256:00ff", "bitnami/redis", "7.2");
        check("localhost:5000/redis", "localhost:5000/redis", "latest");
    }

    #[test]
    fn an_image_without_a_launcher_is_refused_by_name() {
        let error = Role::of("nginx:1.27").unwrap_err();
        assert_eq!(error.to_string(), "the lab has no launcher for the image `nginx:1.27`");
        assert!(matches!(Role::of("repo:health-monitor"), Ok(Role::StandIn(Kind::HealthMonitor))));
    }
}
