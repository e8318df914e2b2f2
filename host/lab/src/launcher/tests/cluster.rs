//! Three real PostgreSQL servers that follow each other, with the lab in place of repmgr.

use std::{net::Ipv4Addr, time::Duration};

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::harness::Service;
use crate::launcher::Running;

const IMAGE: &str = "bitnamilegacy/postgresql-repmgr:16";
const RECEIVING: &str = "SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'";
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
const DRAINING: Duration = Duration::from_secs(20);

pub(super) struct Cluster {
    pub(super) nodes: Vec<Service>,
    running: Vec<Option<Running>>,
}

pub(super) struct Connected {
    pub(super) client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects, unless that takes longer than anybody would wait.
pub(super) async fn connect(address: Ipv4Addr) -> Result<Connected, String> {
    let connected = tokio::time::timeout(ANSWER, connected(address)).await;
    connected.map_err(|_elapsed| "no answer".to_owned())?.map_err(|error| error.to_string())
}

async fn connected(address: Ipv4Addr) -> Result<Connected, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host(address.to_string()).user("postgres").password("it's a secret").dbname("app");
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok(Connected { client, driver })
}

/// Runs one statement at `address` and returns the first column of its first row.
pub(super) async fn value(address: Ipv4Addr, sql: &str) -> Result<String, String> {
    let connected = connect(address).await?;
    let asked = tokio::time::timeout(ANSWER, connected.client.simple_query(sql)).await;
    let asked = asked.map_err(|_elapsed| "no answer".to_owned())?;
    let rows = asked.map_err(|error| error.to_string())?;
    let row = rows.iter().find_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        Some(row.get(0).unwrap_or_default())
    });
    Ok(row.unwrap_or_default().to_owned())
}

impl Cluster {
    /// Three nodes at the addresses that end with `number` and the two after it; nothing runs yet.
    fn new(number: u8) -> Self {
        let mut nodes: Vec<Service> = (0..3)
            .map(|index| {
                let variables = [
                    ("POSTGRESQL_PASSWORD", "it's a secret"),
                    ("POSTGRESQL_DATABASE", "app"),
                    ("REPMGR_PASSWORD", r#"the "other" secret"#),
                    ("REPMGR_RECONNECT_ATTEMPTS", "2"),
                    ("REPMGR_RECONNECT_INTERVAL", "1"),
                ];
                Service::new(number + index, IMAGE, &variables).with_volume("/bitnami/postgresql")
            })
            .collect();
        let hosts: Vec<String> = nodes.iter().map(|node| node.launch.address.to_string()).collect();
        for (index, node) in nodes.iter_mut().enumerate() {
            node.set("REPMGR_NODE_NAME", &format!("pg-{index}"));
            node.set("REPMGR_NODE_NETWORK_NAME", &hosts[index]);
            node.set("REPMGR_PARTNER_NODES", &hosts.join(","));
            node.set("REPMGR_PRIMARY_HOST", &hosts[0]);
        }
        Self { nodes, running: vec![None, None, None] }
    }

    pub(super) async fn up(number: u8) -> Self {
        let mut cluster = Self::new(number);
        for index in 0..3 {
            cluster.start(index).await;
        }
        cluster.says(0, RECEIVING, "2").await;
        for index in [1, 2] {
            cluster.says(index, "SELECT pg_is_in_recovery()::text", "true").await;
        }
        cluster
    }

    pub(super) fn address(&self, index: usize) -> Ipv4Addr {
        self.nodes[index].launch.address
    }

    pub(super) async fn start(&mut self, index: usize) {
        self.running[index] = Some(self.nodes[index].deploy().await);
    }

    pub(super) async fn kill(&mut self, index: usize) {
        let mut running = self.running[index].take().unwrap();
        running.kill_now();
        running.exited().await;
    }

    /// Asks a node until it answers with `expected`.
    pub(super) async fn says(&self, index: usize, sql: &str, expected: &str) {
        let node = &self.nodes[index];
        node.until(async || match value(node.launch.address, sql).await {
            Ok(said) if said == expected => Ok(()),
            other => Err(format!("node {index}: {sql}: {other:?}")),
        })
        .await;
    }
}

#[tokio::test]
async fn a_lost_primary_is_replaced_by_a_standby_that_has_every_acknowledged_row_and_returns_behind_it()
 {
    let mut cluster = Cluster::up(40).await;
    let first = cluster.address(0);
    value(first, "CREATE TABLE kept (n int)").await.unwrap();
    value(first, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'").await.unwrap();
    value(first, "ALTER SYSTEM SET wal_level = 'logical'").await.unwrap();
    value(first, "SELECT pg_reload_conf()").await.unwrap();
    cluster
        .says(0, "SELECT count(*)::text FROM pg_stat_replication WHERE sync_state = 'quorum'", "2")
        .await;
    for number in 0..50 {
        value(first, &format!("INSERT INTO kept VALUES ({number})")).await.unwrap();
    }
    cluster.kill(0).await;
    let is_primary = "SELECT (NOT pg_is_in_recovery())::text";
    let (second, third) = (cluster.address(1), cluster.address(2));
    let promoted = cluster.nodes[1]
        .until(async || {
            for (index, address) in [(1, second), (2, third)] {
                if value(address, is_primary).await.as_deref() == Ok("true") {
                    return Ok(index);
                }
            }
            Err("nobody was promoted")
        })
        .await;
    cluster.says(promoted, "SELECT count(*)::text FROM kept", "50").await;
    value(cluster.address(promoted), "INSERT INTO kept VALUES (50)").await.unwrap();
    let other = 3 - promoted;
    cluster.says(other, "SELECT count(*)::text FROM kept", "51").await;

    cluster.start(0).await;
    cluster.says(0, "SELECT count(*)::text FROM kept", "51").await;
    cluster.says(0, "SELECT pg_is_in_recovery()::text", "true").await;
    cluster
        .says(promoted, "SELECT count(*)::text FROM pg_replication_slots WHERE active", "2")
        .await;
}

#[tokio::test]
async fn what_alter_system_set_outlives_restarts_and_a_standby_keeps_its_data() {
    let mut cluster = Cluster::up(44).await;
    // A copy that a busy machine interrupts is made again, so only what comes after the restart counts.
    let copies = |cluster: &Cluster| cluster.nodes[2].log().matches("cloning it").count();
    let before = copies(&cluster);
    for index in [0, 2] {
        value(cluster.address(index), "ALTER SYSTEM SET wal_level = 'logical'").await.unwrap();
        value(cluster.address(index), "ALTER SYSTEM SET work_mem = '5MB'").await.unwrap();
        let running = cluster.running[index].take().unwrap();
        running.stop(DRAINING).await;
        cluster.start(index).await;
    }
    cluster.says(0, "SHOW wal_level", "logical").await;
    cluster.says(2, "SHOW work_mem", "5MB").await;
    cluster.says(1, "SHOW wal_level", "replica").await;
    cluster.says(0, "SELECT (NOT pg_is_in_recovery())::text", "true").await;
    cluster.says(0, RECEIVING, "2").await;
    assert_eq!(copies(&cluster), before, "its data was kept");
    // Roles come from the first node, and nobody gets in without a password.
    let refused = Config::new()
        .host(cluster.address(1).to_string())
        .user("repmgr")
        .password("wrong")
        .dbname("repmgr")
        .connect(NoTls)
        .await
        .err()
        .expect("a wrong password is refused");
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("28P01"));
}

#[tokio::test]
async fn a_node_without_what_its_image_wants_refuses_by_name() {
    let mut cluster = Cluster::new(48);
    cluster.nodes[0].set("REPMGR_PASSWORD", "");
    let status = cluster.nodes[0].deploy().await.exited().await;
    assert!(!status.success());
    assert!(cluster.nodes[0].log().contains("REPMGR_PASSWORD"), "{}", cluster.nodes[0].log());
}
