//! The real PgPool in front of three real servers.

use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use super::{
    cluster::{Cluster, connect, value},
    harness::Service,
};

/// A password with what PgPool's file of passwords, its settings and its tools could take apart wrongly; one of the image's
/// list may have no separator in it.
const ODD: &str = r#"-a:'"\ %@/?#&=+$"#;

const NODES: &str = "SHOW pool_nodes";

/// PgPool at the address that ends with `number`, in front of `cluster`; nothing runs yet.
fn pgpool(number: u8, cluster: &Cluster) -> Service {
    let nodes = cluster.nodes.iter().enumerate();
    let nodes: Vec<String> =
        nodes.map(|(index, node)| format!("{index}:{}:5432", node.launch.address)).collect();
    let variables = [
        ("PGPOOL_BACKEND_NODES", nodes.join(",")),
        ("PGPOOL_BACKEND_APPLICATION_NAMES", "pg-0,pg-1,pg-2".to_owned()),
        ("PGPOOL_SR_CHECK_USER", "repmgr".to_owned()),
        ("PGPOOL_SR_CHECK_PASSWORD", r#"the "other" secret"#.to_owned()),
        ("PGPOOL_SR_CHECK_PERIOD", "1".to_owned()),
        ("PGPOOL_HEALTH_CHECK_PERIOD", "1".to_owned()),
        ("PGPOOL_HEALTH_CHECK_MAX_RETRIES", "0".to_owned()),
        ("PGPOOL_POSTGRES_PASSWORD", "it's a secret".to_owned()),
        ("PGPOOL_ADMIN_USERNAME", "admin".to_owned()),
        ("PGPOOL_ADMIN_PASSWORD", "admins".to_owned()),
        ("PGPOOL_NUM_INIT_CHILDREN", "8".to_owned()),
        ("PGPOOL_MAX_POOL", "2".to_owned()),
    ];
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Service::new(number, "bitnami/pgpool:4", &variables)
}

/// What PgPool shows of each server in these columns.
async fn shown(pgpool: &Service, columns: &[&str]) -> Result<Vec<String>, String> {
    let connected = connect(pgpool.launch.address).await?;
    let rows = connected.client.simple_query(NODES).await.map_err(|error| error.to_string())?;
    let rows = rows.iter().filter_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        let cells: Vec<&str> = columns.iter().filter_map(|column| row.get(*column)).collect();
        Some(cells.join(" "))
    });
    Ok(rows.collect())
}

async fn shows(pgpool: &Service, columns: &[&str], expected: [&str; 3]) {
    pgpool
        .until(async || match shown(pgpool, columns).await {
            Ok(rows) if rows == expected => Ok(()),
            other => Err(other),
        })
        .await;
}

#[tokio::test]
async fn writes_go_on_after_the_primary_was_killed_and_it_comes_back_as_a_standby() {
    let mut cluster = Cluster::up(50).await;
    let mut pool = pgpool(53, &cluster);
    let running = pool.deploy().await;
    let columns = ["status", "pg_status", "role", "pg_role"];
    let standby = "up up standby standby";
    shows(&pool, &columns, ["up up primary primary", standby, standby]).await;
    value(cluster.address(0), "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
        .await
        .unwrap();
    value(cluster.address(0), "SELECT pg_reload_conf()").await.unwrap();
    value(pool.launch.address, "CREATE TABLE kept (n int)").await.unwrap();
    for number in 0..20 {
        value(pool.launch.address, &format!("INSERT INTO kept VALUES ({number})")).await.unwrap();
    }

    cluster.kill(0).await;
    pool.until(async || value(pool.launch.address, "INSERT INTO kept VALUES (20)").await).await;
    // Whatever was acknowledged is there; an insert whose answer was lost may be there twice.
    let counted = "/*NO LOAD BALANCE*/ SELECT count(DISTINCT n)::text FROM kept";
    pool.until(async || match value(pool.launch.address, counted).await {
        Ok(count) if count == "21" => Ok(()),
        other => Err(other),
    })
    .await;

    cluster.start(0).await;
    cluster.says(0, "SELECT pg_is_in_recovery()::text", "true").await;
    cluster.says(0, "SELECT count(DISTINCT n)::text FROM kept", "21").await;
    // As on Railway nobody attaches it again: that is `pcp_attach_node`, or PgPool's own restart.
    let seen = shown(&pool, &["status", "pg_status", "pg_role"]).await.unwrap();
    assert_eq!(seen[0], "down up standby");
    drop(running);
    let again = pool.deploy().await;
    pool.until(async || match shown(&pool, &["status"]).await {
        Ok(rows) if rows == ["up", "up", "up"] => Ok(()),
        other => Err(other),
    })
    .await;
    drop(again);
}

#[tokio::test]
async fn a_session_that_is_terminated_on_the_primary_makes_pgpool_drop_it_unless_told_otherwise() {
    let cluster = Cluster::up(54).await;
    let mut pool = pgpool(57, &cluster);
    let terminated = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE query LIKE '%held by pgpool%' AND pid <> pg_backend_pid()";
    for on_shutdown in ["off", "on"] {
        pool.set("PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN", on_shutdown);
        let running = pool.deploy().await;
        let held = pool.until(async || connect(pool.launch.address).await).await;
        held.client.batch_execute("BEGIN; CREATE TEMP TABLE held (n int)").await.unwrap();
        held.client.simple_query("SELECT 'held by pgpool' FROM held").await.unwrap();
        value(cluster.address(0), terminated).await.unwrap();
        // A statement on its way when the backend ends would hide what PgPool does with one that is idle.
        pool.until(async || if held.client.is_closed() { Ok(()) } else { Err("still open") }).await;
        cluster.says(0, "SELECT (NOT pg_is_in_recovery())::text", "true").await;
        if on_shutdown == "off" {
            shows(&pool, &["status"], ["up", "up", "up"]).await;
        } else {
            // The primary is well, but PgPool looks for another one now, for ever, and lets nobody in meanwhile.
            pool.until(async || {
                let log = pool.log();
                if log.contains("Failover - that will") { Ok(()) } else { Err("not dropped") }
            })
            .await;
            let refused = value(pool.launch.address, "CREATE TABLE t (n int)").await;
            refused.expect_err("PgPool has no primary");
        }
        drop(running);
    }
}

#[tokio::test]
async fn only_users_that_pgpool_knows_get_in() {
    let cluster = Cluster::up(58).await;
    let mut pool = pgpool(61, &cluster);
    pool.set("PGPOOL_POSTGRES_CUSTOM_USERS", "app");
    pool.set("PGPOOL_POSTGRES_CUSTOM_PASSWORDS", ODD);
    for role in ["app", "unknown"] {
        let made = format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", ODD.replace('\'', "''"));
        value(cluster.address(0), &made).await.unwrap();
    }
    let running = pool.deploy().await;
    let log_in = async |user: &str| {
        let mut config = Config::new();
        config.host(pool.launch.address.to_string()).user(user).password(ODD).dbname("app");
        config.connect(NoTls).await.map(drop).map_err(|error| error.to_string())
    };
    pool.until(async || log_in("app").await).await;
    log_in("unknown").await.expect_err("pool_passwd does not hold this user");
    drop(running);
}

#[tokio::test]
async fn variables_that_the_image_refuses_are_named() {
    for (name, value) in [("PGPOOL_ADMIN_PASSWORD", ""), ("PGPOOL_POSTGRES_CUSTOM_USERS", "a,b")] {
        let mut pool = Service::new(62, "bitnami/pgpool:4", &[]);
        for required in [
            "PGPOOL_BACKEND_NODES",
            "PGPOOL_SR_CHECK_USER",
            "PGPOOL_SR_CHECK_PASSWORD",
            "PGPOOL_ADMIN_USERNAME",
            "PGPOOL_ADMIN_PASSWORD",
            "PGPOOL_POSTGRES_PASSWORD",
        ] {
            pool.set(required, "0:h");
        }
        pool.set(name, value);
        let status = pool.deploy().await.exited().await;
        assert_eq!(status.code(), Some(1));
        assert!(pool.log().contains(name), "{}", pool.log());
    }
}
