//! What had to be repaired in the guide's file before the stack could run.

use super::Stack;

/// One change of the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Variable(&'static str, &'static str, &'static str),
    /// A generated value of 64 hexadecimal digits.
    Hex(&'static str, &'static str),
    /// A generated value with this text before it.
    Key(&'static str, &'static str, &'static str),
    Health(&'static str, &'static str),
    Image(&'static str, &'static str),
    Mount(&'static str, &'static str),
    StartCommand(&'static str, &'static str),
    /// The variables of a service whose names begin like this are not set.
    Unset(&'static str, &'static str),
    /// The service is not there.
    Without(&'static str),
}

/// Without each of these one of the services never became healthy, or did not do its work.
const REPAIRS: &[Change] = &[
    // `/health` wants a key and answers 401; only 200 counts.
    Change::Health("litellm", "/health/liveliness"),
    // `/health` is 503 for as long as LiteLLM's answers 401.
    Change::Health("health-monitor", "/metrics"),
    Change::Key("litellm", "LITELLM_MASTER_KEY", "sk-"),
    Change::Key("litellm", "LANGFUSE_PUBLIC_KEY", "pk-lf-"),
    Change::Key("litellm", "LANGFUSE_SECRET_KEY", "sk-lf-"),
    // The lab's public domain is an address and a port, without TLS.
    Change::Variable("litellm", "LANGFUSE_HOST", "http://${{langfuse-web.RAILWAY_PUBLIC_DOMAIN}}"),
    Change::Variable(
        "langfuse-web",
        "NEXTAUTH_URL",
        "http://${{langfuse-web.RAILWAY_PUBLIC_DOMAIN}}",
    ),
    // The default runs the migrations for a cluster, which fail on one node.
    Change::Variable("langfuse-web", "CLICKHOUSE_CLUSTER_ENABLED", "false"),
    Change::Variable("langfuse-worker", "CLICKHOUSE_CLUSTER_ENABLED", "false"),
    // Langfuse wants exactly 64 hexadecimal digits.
    Change::Hex("langfuse-web", "ENCRYPTION_KEY"),
];

const REDIS_6: &[Change] = &[
    Change::Image("redis", "redis:6.2"),
    Change::Mount("redis", "/data"),
    Change::StartCommand(
        "redis",
        "/bin/sh -c \"exec redis-server --requirepass $REDIS_PASSWORD --appendonly yes --appendfsync everysec --dir /data\"",
    ),
];

const POSTGRES_15: &[Change] =
    &[Change::Image("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:15")];

const LITELLM_1_80: &[Change] = &[
    Change::Image("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:15"),
    Change::Image("litellm", "ghcr.io/berriai/litellm-database:main-v1.80.0-stable"),
    Change::Variable("litellm", "USE_PRISMA_MIGRATE", "True"),
];

/// In a database that has tables already it would not begin to migrate, so nobody else is there.
const LITELLM_REAL: &[Change] = &[
    Change::Variable("litellm", "LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    Change::Unset("litellm", "LANGFUSE_"),
    Change::Unset("litellm", "REDIS_"),
    Change::Without("langfuse-web"),
    Change::Without("langfuse-worker"),
    Change::Without("clickhouse"),
    Change::Without("minio"),
    Change::Without("redis"),
    Change::Without("backup-service"),
    Change::Without("health-monitor"),
];

/// A project whose keys are those that `LiteLLM` has.
const PROJECT: &[Change] = &[
    Change::Image("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:15"),
    Change::Variable("langfuse-web", "LANGFUSE_INIT_ORG_ID", "lab"),
    Change::Variable("langfuse-web", "LANGFUSE_INIT_PROJECT_ID", "lab"),
    Change::Variable(
        "langfuse-web",
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY",
        "${{litellm.LANGFUSE_PUBLIC_KEY}}",
    ),
    Change::Variable(
        "langfuse-web",
        "LANGFUSE_INIT_PROJECT_SECRET_KEY",
        "${{litellm.LANGFUSE_SECRET_KEY}}",
    ),
];

const LANGFUSE_2_95: &[Change] = &[
    Change::Image("langfuse-web", "langfuse/langfuse:2.95.11"),
    Change::Unset("langfuse-web", "CLICKHOUSE_"),
    Change::Unset("langfuse-web", "REDIS_"),
    Change::Unset("langfuse-web", "LANGFUSE_S3_"),
    Change::Unset("langfuse-web", "ENCRYPTION_KEY"),
    Change::Unset("litellm", "REDIS_"),
    Change::Without("redis"),
    Change::Without("clickhouse"),
    Change::Without("minio"),
    Change::Without("langfuse-worker"),
    Change::Without("backup-service"),
    Change::Without("health-monitor"),
];

const LANGFUSE_3_50: &[Change] = &[
    Change::Image("langfuse-web", "langfuse/langfuse:3.50.0"),
    Change::Image("langfuse-worker", "langfuse/langfuse-worker:3.50.0"),
    // The bucket, which the guide has made by hand.
    Change::StartCommand(
        "minio",
        "sh -c \"mkdir -p /data/langfuse && exec minio server /data --console-address :9001\"",
    ),
];

pub(super) fn of(stack: Stack) -> impl Iterator<Item = Change> {
    let parts: &[&[Change]] = match stack {
        Stack::AsWritten => &[],
        Stack::AsRun => &[REPAIRS],
        Stack::Redis6 => &[REPAIRS, REDIS_6],
        Stack::BesideCluster => &[REPAIRS, POSTGRES_15],
        Stack::LiteLlm180 => &[REPAIRS, LITELLM_1_80],
        Stack::LiteLlmReal => &[REPAIRS, LITELLM_1_80, LITELLM_REAL],
        Stack::Langfuse295 => &[REPAIRS, PROJECT, LANGFUSE_2_95],
        Stack::Langfuse350 => &[REPAIRS, PROJECT, LANGFUSE_3_50],
    };
    parts.iter().copied().flatten().copied()
}
