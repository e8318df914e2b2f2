//! A single PostgreSQL server that becomes a cluster of Railway's: real Patroni, real etcd, real `HAProxy`.

use std::{fs, net::Ipv4Addr, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use super::harness::Service;
use crate::launcher::Running;

const SINGLE: &str = "ghcr.io/railwayapp-templates/postgres-ssl:16";
const NODE: &str = "ghcr.io/railwayapp-templates/postgres-ha/postgres-patroni:16";
const ETCD: &str = "ghcr.io/railwayapp-templates/postgres-ha/etcd:3";
const FRONT: &str = "ghcr.io/railwayapp-templates/postgres-ha/haproxy:3";
const MOUNT: &str = "/var/lib/postgresql/data";
const PASSWORD: &str = "it's a \"secret\"";
const ANSWER: Duration = Duration::from_secs(5);
const IDENTITY: &str = "SELECT system_identifier::text FROM pg_control_system()";
/// A replica that is still being made receives too, under another name.
const FOLLOWED: &str = "SELECT count(*)::text FROM pg_stat_replication \
                        WHERE state = 'streaming' AND application_name LIKE 'postgres-%'";

/// The first column of the first row that `sql` gives at `address`.
async fn value(address: Ipv4Addr, sql: &str) -> Result<String, String> {
    let asked = async {
        let mut config = Config::new();
        config.host(address.to_string()).user("postgres").password(PASSWORD).dbname("app");
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        let rows = client.simple_query(sql).await;
        driver.abort();
        rows
    };
    let asked = tokio::time::timeout(ANSWER, asked).await;
    let rows = asked.map_err(|_elapsed| "no answer".to_owned())?;
    let rows = rows.map_err(|error| format!("{error:?}"))?;
    let row = rows.iter().find_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        Some(row.get(0).unwrap_or_default().to_owned())
    });
    Ok(row.unwrap_or_default())
}

/// Asks until `sql` gives `expected`.
async fn says(service: &Service, sql: &str, expected: &str) {
    service
        .until(async || match value(service.launch.address, sql).await {
            Ok(said) if said == expected => Ok(()),
            other => Err(format!("{sql}: {other:?}")),
        })
        .await;
}

/// Three members of etcd at the addresses that end with `number` and the two after it.
async fn etcd(number: u8) -> (Vec<Running>, Vec<Service>) {
    let mut members: Vec<Service> = (0..3)
        .map(|index| {
            let name = format!("etcd-{index}");
            Service::new(number + index, ETCD, &[("ETCD_NAME", &name)]).with_volume("/var/lib/etcd")
        })
        .collect();
    let peers: Vec<String> =
        members.iter().map(|one| format!("http://{}:2380", one.launch.address)).collect();
    let all: Vec<String> =
        peers.iter().enumerate().map(|(index, peer)| format!("etcd-{index}={peer}")).collect();
    let mut running = Vec::new();
    for (member, peer) in members.iter_mut().zip(&peers) {
        let client = format!("http://{}:2379", member.launch.address);
        member.set("ETCD_INITIAL_CLUSTER", &all.join(","));
        member.set("ETCD_INITIAL_ADVERTISE_PEER_URLS", peer);
        member.set("ETCD_ADVERTISE_CLIENT_URLS", &client);
        running.push(member.deploy().await);
    }
    (running, members)
}

fn hosts(members: &[Service]) -> String {
    let all = members.iter().map(|member| format!("{}:2379", member.launch.address));
    all.collect::<Vec<_>>().join(",")
}

/// Gives a service what the conversion gives to a node, with a short time until a lost leader is replaced.
fn enlist(service: &mut Service, name: &str, etcd: &str) {
    NODE.clone_into(&mut service.launch.image);
    let address = service.launch.address.to_string();
    for (name, value) in [
        ("PATRONI_ENABLED", "true"),
        ("PATRONI_NAME", name),
        ("PATRONI_ETCD3_HOSTS", etcd),
        ("PATRONI_SUPERUSER_PASSWORD", PASSWORD),
        ("PATRONI_REPLICATION_USERNAME", "postgres"),
        ("PATRONI_REPLICATION_PASSWORD", PASSWORD),
        ("PATRONI_TTL", "8"),
        ("PATRONI_LOOP_WAIT", "1"),
        ("PATRONI_RETRY_TIMEOUT", "3"),
        ("RAILWAY_PRIVATE_DOMAIN", &address),
    ] {
        service.set(name, value);
    }
}

fn server(number: u8) -> Service {
    let variables = [("POSTGRES_PASSWORD", PASSWORD), ("POSTGRES_DB", "app")];
    Service::new(number, SINGLE, &variables).with_volume(MOUNT)
}

fn replica(number: u8, name: &str, etcd: &str) -> Service {
    let mut replica = server(number);
    enlist(&mut replica, name, etcd);
    replica.set("PATRONI_WAIT_FOR_LEADER", "true");
    replica
}

#[tokio::test]
async fn a_server_is_adopted_with_its_data_and_what_it_wrote_outlives_it() {
    let mut root = server(110);
    let single = root.deploy().await;
    says(&root, "SELECT 1", "1").await;
    let address = root.launch.address;
    for sql in ["CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 100)"] {
        value(address, sql).await.unwrap();
    }
    let identity = value(address, IDENTITY).await.unwrap();
    single.stop(Duration::ZERO).await;

    let (_running, members) = etcd(111).await;
    let etcd = hosts(&members);
    enlist(&mut root, "postgres-1", &etcd);
    root.set("PATRONI_ADOPT_EXISTING_DATA", "true");
    let mut leader = root.deploy().await;
    says(&root, "SELECT (NOT pg_is_in_recovery())::text", "true").await;
    says(&root, IDENTITY, &identity).await;
    says(&root, "SELECT count(*)::text FROM kept", "100").await;
    assert!(root.log().contains("which is adopted"), "{}", root.log());

    let mut others = [replica(114, "postgres-2", &etcd), replica(115, "postgres-3", &etcd)];
    let mut following = Vec::new();
    for other in &mut others {
        following.push(other.deploy().await);
    }
    says(&root, FOLLOWED, "2").await;
    let nodes =
        [&root, &others[0], &others[1]].map(|it| format!("{}:5432:8008", it.launch.address));
    let mut front = Service::new(116, FRONT, &[("POSTGRES_NODES", &nodes.join(","))]);
    front.set("HAPROXY_CHECK_INTERVAL", "500ms");
    let _front = front.deploy().await;
    says(&front, "SELECT host(inet_server_addr())", &address.to_string()).await;
    says(&front, "INSERT INTO kept VALUES (101) RETURNING n", "101").await;
    for other in &others {
        says(other, "SELECT count(*)::text FROM kept", "101").await;
    }

    leader.kill_now();
    leader.exited().await;
    says(&front, "INSERT INTO kept VALUES (102) RETURNING n", "102").await;
    assert_ne!(
        value(front.launch.address, "SELECT host(inet_server_addr())").await.unwrap(),
        address.to_string()
    );
    let _again = root.deploy().await;
    says(&root, "SELECT count(*)::text || pg_is_in_recovery() FROM kept", "102true").await;
    says(&front, FOLLOWED, "2").await;
}

#[tokio::test]
async fn data_that_nobody_says_to_adopt_is_called_stale_and_taken_all_the_same() {
    let mut root = server(144);
    let single = root.deploy().await;
    says(&root, "SELECT 1", "1").await;
    value(root.launch.address, "CREATE TABLE kept AS SELECT 1 AS n").await.unwrap();
    single.stop(Duration::ZERO).await;

    let (_running, members) = etcd(141).await;
    enlist(&mut root, "postgres-1", &hosts(&members));
    let _leader = root.deploy().await;
    says(&root, "SELECT (NOT pg_is_in_recovery())::text || n FROM kept", "true1").await;
    assert!(root.log().contains("stale data"), "{}", root.log());
    let rules = root.launch.volume.as_ref().unwrap().folder.join("pg_hba.conf");
    assert!(!fs::read_to_string(rules).unwrap().contains("replication postgres"));
}

#[tokio::test]
async fn an_empty_cluster_gets_its_roles_and_its_database_and_the_server_goes_with_the_runner() {
    let (_running, members) = etcd(120).await;
    let mut first = server(123);
    enlist(&mut first, "postgres-1", &hosts(&members));
    first.set("PATRONI_REPLICATION_USERNAME", "follower");
    let mut running = first.deploy().await;
    says(&first, "SELECT current_database()", "app").await;
    says(&first, "SELECT rolreplication::text FROM pg_roles WHERE rolname = 'follower'", "true")
        .await;
    let folder = &first.launch.volume.as_ref().unwrap().folder;
    first
        .until(async || match fs::exists(folder.join(".patroni_bootstrap_complete")) {
            Ok(true) => Ok(()),
            other => Err(other),
        })
        .await;

    // As the lab's guard does when the lab itself was killed: Patroni's server is in no group of the runner's.
    let group = Pid::from_raw(i32::try_from(running.pid()).unwrap()).unwrap();
    kill_process_group(group, Signal::KILL).unwrap();
    running.exited().await;
    let server = fs::read_to_string(folder.join("postmaster.pid")).unwrap();
    let server = server.lines().next().unwrap().to_owned();
    first
        .until(async || match fs::read_to_string(format!("/proc/{server}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            Ok(_) | Err(_) => Ok(()),
        })
        .await;
}

#[tokio::test]
async fn a_node_that_is_asked_to_end_ends_its_server_in_good_order() {
    let (_running, members) = etcd(130).await;
    let mut first = server(133);
    enlist(&mut first, "postgres-1", &hosts(&members));
    let running = first.deploy().await;
    says(&first, "SELECT current_database()", "app").await;
    assert!(running.stop(Duration::from_secs(30)).await.success(), "{}", first.log());
    assert!(first.log().contains("database system is shut down"), "{}", first.log());
}

#[tokio::test]
async fn what_the_images_would_refuse_ends_by_name() {
    let mut node = server(136);
    enlist(&mut node, "", "127.0.0.1:1");
    let mut elsewhere = Service::new(137, NODE, &[("PGDATA", "/data")]);
    enlist(&mut elsewhere, "postgres-1", "127.0.0.1:1");
    let member = Service::new(138, ETCD, &[("ETCD_NAME", "etcd-1")]);
    let front = Service::new(139, FRONT, &[]);
    let wrong = Service::new(139, FRONT, &[("POSTGRES_NODES", "postgres-1:5432")]);
    for (mut service, named) in [
        (node, "PATRONI_NAME"),
        (elsewhere, "PGDATA"),
        (member, "ETCD_INITIAL_CLUSTER"),
        (front, "POSTGRES_NODES"),
        (wrong, "postgres-1:5432"),
    ] {
        let status = service.deploy().await.exited().await;
        assert!(!status.success() && service.log().contains(named), "{named}: {}", service.log());
    }
}

#[tokio::test]
async fn without_patroni_the_image_runs_the_server_alone() {
    let mut single = server(140);
    NODE.clone_into(&mut single.launch.image);
    let _running = single.deploy().await;
    says(&single, "SELECT current_database()", "app").await;
    assert!(!single.log().contains("Patroni"), "{}", single.log());
}
