//! The services of the stack, and the names of steps, connections and parameters.

use lockstep_sdk::blocks::grace::Grace;

/// The component, and the plugin.
pub(crate) const COMPONENT: &str = "repair";

pub(crate) const LITELLM: &str = "litellm";
pub(crate) const WEB: &str = "langfuse-web";
pub(crate) const WORKER: &str = "langfuse-worker";
pub(crate) const POSTGRES: &str = "postgres";
pub(crate) const REDIS: &str = "redis";
pub(crate) const CLICKHOUSE: &str = "clickhouse";
pub(crate) const MINIO: &str = "minio";
pub(crate) const BACKUP_SERVICE: &str = "backup-service";
pub(crate) const MONITOR: &str = "health-monitor";

/// The services that are deployed here, in this order: Langfuse's web service migrates for its worker.
pub(crate) const APPS: [&str; 3] = [WEB, WORKER, LITELLM];

/// The services that keep data, which are never deployed here: each deployment would be an outage.
pub(crate) const STORES: [&str; 4] = [POSTGRES, REDIS, CLICKHOUSE, MINIO];

/// The services that are pinned. PostgreSQL is not: Railway makes a cluster only of a server whose image names a major version and
/// nothing else, and nothing here deploys it.
pub(crate) const PINNED: [&str; 6] = [WEB, WORKER, LITELLM, REDIS, CLICKHOUSE, MINIO];

/// The services that are built from a repository.
pub(crate) const BUILT: [&str; 2] = [BACKUP_SERVICE, MONITOR];

pub(crate) const KEEP: &str = "keep";
pub(crate) const PIN: &str = "pin";
pub(crate) const GRACE: &str = "grace";
pub(crate) const SETTINGS: &str = "settings";
pub(crate) const SETTINGS_UNDO: &str = "settings-undo";
pub(crate) const VARIABLES: &str = "variables";
pub(crate) const VARIABLES_UNDO: &str = "variables-undo";
pub(crate) const KEY: &str = "key";
pub(crate) const BACKUP: &str = "backup";
pub(crate) const HEALTHY: &str = "healthy";

/// The watch that sees whether every app serves.
pub(crate) const WATCH_SERVING: &str = "serving";

/// What the name of a step that deploys a service begins with.
pub(crate) const DEPLOY: &str = "deploy-";

/// The parameter that holds the services that must be up at the end.
pub(crate) const SERVING: &str = "serving";

/// The parameter that holds the services of which nothing runs when it is planned.
pub(crate) const DOWN: &str = "down";

/// The parameter that holds the services whose settings change.
pub(crate) const SET: &str = "set";

/// The parameter that holds the services that get a backup.
pub(crate) const BACKED_UP: &str = "backed-up";

/// What the name of the parameter begins with that holds the image to which a service is pinned.
pub(crate) const IMAGE: &str = "image-";

/// The setting that tells Railway how to know whether a service is up.
pub(crate) const HEALTH_PATH: &str = "healthcheck-path";

/// The variable with which Langfuse runs its migrations for one ClickHouse server.
pub(crate) const CLUSTER: &str = "CLICKHOUSE_CLUSTER_ENABLED";

/// The variable that names what Redis throws away when it is full.
pub(crate) const POLICY: &str = "REDIS_MAXMEMORY_POLICY";

/// What Langfuse's queues need there.
pub(crate) const KEEPS_ALL: &str = "noeviction";

/// The variable that tells Langfuse where ClickHouse is.
pub(crate) const CLICKHOUSE_URL: &str = "CLICKHOUSE_URL";

/// The variable that leads to the database.
pub(crate) const DATABASE_URL: &str = "DATABASE_URL";

/// Returns how long a service is given to end, and to serve beside its successor.
pub(crate) fn grace_of(service: &str) -> Option<Grace<'_>> {
    let (draining, overlap) = match service {
        LITELLM => (60, Some(30)),
        WEB => (120, Some(10)),
        WORKER => (90, Some(0)),
        POSTGRES | CLICKHOUSE => (60, None),
        REDIS => (30, None),
        _ => return None,
    };
    Some(Grace { service, draining, overlap })
}

/// Returns the path with which a service says that it is up: one that needs no key, costs nothing and changes nothing.
pub(crate) fn health_of(service: &str) -> Option<&'static str> {
    match service {
        LITELLM => Some("/health/liveliness"),
        WEB => Some("/api/public/health"),
        WORKER => Some("/api/health"),
        MONITOR => Some("/metrics"),
        _ => None,
    }
}
