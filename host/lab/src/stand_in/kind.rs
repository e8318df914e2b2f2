//! Which programs have a stand-in.

/// A program that a stand-in stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `LiteLLM`'s proxy.
    LiteLlm,
    /// Langfuse's web service.
    LangfuseWeb,
    /// Langfuse's worker.
    LangfuseWorker,
    /// ClickHouse's server.
    ClickHouse,
    /// `MinIO`'s server.
    MinIo,
    /// The stack's own backup service.
    BackupService,
    /// The stack's own health monitor.
    HealthMonitor,
    /// repmgr beside a real PostgreSQL server, which the stand-in starts.
    PostgresNode,
    /// Railway's runner around a real Patroni, which the stand-in starts.
    PatroniRunner,
    /// The job that migrates `LiteLLM`'s database.
    LiteLlmMigration,
    /// The job that copies a single PostgreSQL's databases into a cluster.
    MigrationJob,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LiteLlm,
        Self::LangfuseWeb,
        Self::LangfuseWorker,
        Self::ClickHouse,
        Self::MinIo,
        Self::BackupService,
        Self::HealthMonitor,
        Self::PostgresNode,
        Self::PatroniRunner,
        Self::LiteLlmMigration,
        Self::MigrationJob,
    ];

    /// Finds the kind that `lab stand-in` is called with.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The word that `lab stand-in` is called with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::LangfuseWeb => "langfuse-web",
            Self::LangfuseWorker => "langfuse-worker",
            Self::ClickHouse => "clickhouse",
            Self::MinIo => "minio",
            Self::BackupService => "backup-service",
            Self::HealthMonitor => "health-monitor",
            Self::PostgresNode => "postgresql-repmgr",
            Self::PatroniRunner => "patroni-runner",
            Self::LiteLlmMigration => "litellm-migration",
            Self::MigrationJob => "pg-migrate-ha",
        }
    }

    /// What it stands for, in words.
    pub const fn product(self) -> &'static str {
        match self {
            Self::LiteLlm => "LiteLLM",
            Self::LangfuseWeb => "Langfuse web",
            Self::LangfuseWorker => "Langfuse worker",
            Self::ClickHouse => "ClickHouse",
            Self::MinIo => "MinIO",
            Self::BackupService => "the backup service",
            Self::HealthMonitor => "the health monitor",
            Self::PostgresNode => "repmgr",
            Self::PatroniRunner => "Railway's runner of Patroni",
            Self::LiteLlmMigration => "LiteLLM's migration",
            Self::MigrationJob => "pg-migrate-ha",
        }
    }

    /// The port that the program listens on unless its variables name another.
    pub const fn port(self) -> u16 {
        match self {
            // A job listens nowhere; it has to have a number.
            Self::LiteLlm | Self::LiteLlmMigration => 4000,
            Self::LangfuseWeb => 3000,
            Self::LangfuseWorker => 3030,
            Self::ClickHouse => 8123,
            Self::MinIo => 9000,
            Self::BackupService | Self::HealthMonitor => 8080,
            Self::PostgresNode | Self::PatroniRunner | Self::MigrationJob => 5432,
        }
    }

    /// Whether the variable `PORT` moves it. The databases do not know that variable.
    pub(crate) const fn follows_port(self) -> bool {
        match self {
            Self::LiteLlm
            | Self::LangfuseWeb
            | Self::LangfuseWorker
            | Self::BackupService
            | Self::HealthMonitor => true,
            Self::ClickHouse
            | Self::MinIo
            | Self::PostgresNode
            | Self::PatroniRunner
            | Self::LiteLlmMigration
            | Self::MigrationJob => false,
        }
    }
}
