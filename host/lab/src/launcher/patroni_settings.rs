//! The variables of Railway's image, as Patroni's configuration.

use std::path::Path;

use serde_json::{Value, json};

use super::{Launch, start_command::quoted};

/// A node as its variables tell it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) etcd: String,
    /// Name and password of the role that administers.
    pub(crate) superuser: (String, String),
    /// Name and password of the role that replicas follow with.
    pub(crate) replication: (String, String),
    /// Name and password of the role that applications log in with.
    pub(crate) application: (String, String),
    pub(crate) database: String,
    timing: Timing,
    synchronous: bool,
}

/// How long a leader counts as one, how often nodes look, and how long they try again.
#[derive(Debug)]
struct Timing {
    ttl: u64,
    loop_wait: u64,
    retry_timeout: u64,
}

/// Where a node's files are on this machine.
#[derive(Debug)]
pub(crate) struct Places<'p> {
    pub(crate) bin: &'p Path,
    pub(crate) data: &'p Path,
    pub(crate) passwords: &'p Path,
    pub(crate) after_bootstrap: &'p Path,
}

impl Node {
    pub(crate) fn of(launch: &Launch) -> Self {
        let or = |name: &str, usual: &str| launch.variable(name).unwrap_or(usual).to_owned();
        let number = |name: &str, usual: u64| {
            launch.variable(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
        };
        Self {
            scope: or("PATRONI_SCOPE", "railway-pg-ha"),
            name: or("PATRONI_NAME", ""),
            address: launch.address.to_string(),
            etcd: or("PATRONI_ETCD3_HOSTS", ""),
            superuser: (
                or("PATRONI_SUPERUSER_USERNAME", "postgres"),
                or("PATRONI_SUPERUSER_PASSWORD", ""),
            ),
            replication: (
                or("PATRONI_REPLICATION_USERNAME", "replicator"),
                or("PATRONI_REPLICATION_PASSWORD", ""),
            ),
            application: (or("POSTGRES_USER", "postgres"), or("POSTGRES_PASSWORD", "")),
            database: or("POSTGRES_DB", &or("PGDATABASE", "railway")),
            timing: Timing {
                ttl: number("PATRONI_TTL", 45),
                loop_wait: number("PATRONI_LOOP_WAIT", 10),
                retry_timeout: number("PATRONI_RETRY_TIMEOUT", 17),
            },
            synchronous: launch.variable("PATRONI_SYNCHRONOUS_MODE") == Some("true"),
        }
    }
}

/// Patroni's configuration. It is JSON, which is YAML too and needs no rules of its own for quotes.
///
/// What stands under `bootstrap` counts once, when the first node makes the cluster known to etcd.
pub(crate) fn configuration(node: &Node, places: &Places<'_>) -> String {
    let reached = |port: u16| format!("{}:{port}", node.address);
    let (user, password) = &node.replication;
    let (superuser, superpassword) = &node.superuser;
    let configuration = json!({
        "scope": node.scope,
        "name": node.name,
        "restapi": { "listen": reached(8008), "connect_address": reached(8008) },
        "etcd3": { "hosts": node.etcd },
        "bootstrap": {
            "dcs": shared(node),
            "initdb": [{ "encoding": "UTF8" }, "data-checksums", { "username": superuser }],
            "pg_hba": [
                "local all all trust",
                format!("host replication {user} 0.0.0.0/0 scram-sha-256"),
                "host all all 0.0.0.0/0 scram-sha-256",
            ],
            "post_bootstrap": places.after_bootstrap.to_string_lossy(),
        },
        "postgresql": {
            "listen": reached(5432),
            "connect_address": reached(5432),
            "data_dir": places.data.to_string_lossy(),
            "bin_dir": places.bin.to_string_lossy(),
            "pgpass": places.passwords.to_string_lossy(),
            "remove_data_directory_on_rewind_failure": true,
            "remove_data_directory_on_diverged_timelines": true,
            "create_replica_methods": ["basebackup"],
            "basebackup": { "checkpoint": "fast", "wal-method": "stream" },
            "authentication": {
                "replication": { "username": user, "password": password },
                "superuser": { "username": superuser, "password": superpassword },
            },
            // Sockets of the file system are off: their names would be too long in a deep folder.
            "parameters": { "unix_socket_directories": "" },
        },
    });
    format!("{configuration:#}\n")
}

/// What all nodes have in common, and what PostgreSQL's own settings then give way to.
fn shared(node: &Node) -> Value {
    json!({
        "ttl": node.timing.ttl,
        "loop_wait": node.timing.loop_wait,
        "retry_timeout": node.timing.retry_timeout,
        "maximum_lag_on_failover": 1_048_576,
        "failsafe_mode": true,
        "synchronous_mode": node.synchronous,
        "postgresql": {
            "use_pg_rewind": true,
            "use_slots": true,
            "parameters": {
                "wal_level": "replica",
                "hot_standby": "on",
                "max_wal_senders": 10,
                "max_replication_slots": 10,
                "max_connections": 200,
                "password_encryption": "scram-sha-256",
            },
        },
    })
}

/// The roles of a cluster that begins empty; an adopted server keeps its own.
pub(crate) fn statements(node: &Node) -> String {
    let mut all = vec!["SET password_encryption = 'scram-sha-256';\n".to_owned()];
    let (superuser, _) = &node.superuser;
    let (user, password) = &node.replication;
    if user != superuser {
        all.push(role(user, password, "REPLICATION LOGIN"));
    }
    let (user, password) = &node.application;
    if user != superuser && *user != node.replication.0 && !password.is_empty() {
        all.push(role(user, password, "LOGIN"));
    }
    if node.database != "postgres" {
        let (database, owner) = (name(&node.database), name(user));
        all.push(format!("CREATE DATABASE {database} OWNER {owner};\n"));
    }
    all.concat()
}

/// The script that Patroni calls, with a connection string, when the first server of an empty cluster is up.
pub(crate) fn after_bootstrap(bin: &Path, statements: &Path, marker: &Path, node: &Node) -> String {
    let path = |path: &Path| quoted(&path.to_string_lossy());
    format!(
        "#!/bin/sh\nset -e\necho {}\n{} -X -q -v ON_ERROR_STOP=1 -f {} \"$1\"\n: > {}\n",
        quoted(&format!("making the roles and the database of {}", node.scope)),
        path(&bin.join("psql")),
        path(statements),
        path(marker)
    )
}

fn role(user: &str, password: &str, rights: &str) -> String {
    format!(
        "CREATE ROLE {} WITH {rights} PASSWORD '{}';\n",
        name(user),
        password.replace('\'', "''")
    )
}

fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
