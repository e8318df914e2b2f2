use std::time::Duration;

use lockstep_engine::model::{Failure, Moment, Read, Reading, Rows, Value};
use lockstep_lab::Stack;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::world::World;

pub(super) async fn admin(world: &World) -> Client {
    admin_of(world, "litellm_langfuse").await
}

/// Dials a database of the lab's server as its first role.
pub(super) async fn admin_of(world: &World, database: &str) -> Client {
    let url = world.lab.variables("postgres").unwrap()["DATABASE_URL"].clone();
    let url = url.replace("/litellm_langfuse", &format!("/{database}"));
    // A service without a health check counts as up as soon as it runs, and a busy machine takes its time after that.
    for _ in 0..1500 {
        match tokio_postgres::connect(&url, NoTls).await {
            Ok((client, connection)) => {
                drop(tokio::spawn(connection));
                return client;
            }
            Err(error) if error.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("PostgreSQL did not come up within 30 s");
}

async fn query(world: &World, statement: &str, parameters: Vec<Value>) -> Result<Rows, Failure> {
    let read = Read::Sql("main".to_owned(), statement.to_owned(), parameters);
    let reading = world.read(read).await?;
    let Reading::Sql(rows) = reading else { panic!("{reading:?}") };
    Ok(rows)
}

#[tokio::test]
async fn what_could_change_anything_is_denied_and_changes_nothing() {
    // The older server is the packaged one, which has extensions.
    let world = World::up(Stack::BesideCluster, &["postgres"]).await;
    let admin = admin(&world).await;
    admin
        .batch_execute(
            "CREATE TABLE t(id int PRIMARY KEY, word text); INSERT INTO t VALUES (1, 'a'), (2, 'b'); \
             CREATE VIEW killer AS SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'; \
             CREATE VIEW harmless AS SELECT 1 AS one; \
             CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql SECURITY DEFINER STABLE AS 'SELECT 1'; \
             CREATE FUNCTION count(x text) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'; \
             CREATE TYPE pair AS (a int, b int); CREATE TABLE pairs(p pair); \
             CREATE FUNCTION evil(x pair) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; \
             CREATE SEQUENCE s; CREATE EXTENSION IF NOT EXISTS dblink; CREATE EXTENSION IF NOT EXISTS postgres_fdw; \
             CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE far_t(id int) SERVER far",
        )
        .await
        .unwrap();
    for statement in [
        "DELETE FROM t",
        "SELECT * FROM killer",
        "SELECT * FROM harmless",
        "SELECT pg_terminate_backend(1)",
        "SELECT sneaky()",
        "SELECT public.sneaky()",
        "SELECT count(word) FROM t",
        "SELECT (p).evil FROM pairs",
        "SELECT p.evil FROM (SELECT (1, 2)::pair AS p) x",
        "SELECT dblink_exec('dbname=x', 'DROP TABLE t')",
        "SELECT * FROM dblink('dbname=x', 'SELECT 1') AS x(a int)",
        "SELECT query_to_xml('select pg_reload_conf()', true, true, '')",
        "SELECT set_config('role', 'postgres', false)",
        "SELECT nextval('s')",
        "SELECT lo_import('/etc/passwd')",
        "SHOW search_path; COMMIT; DROP TABLE t",
        "SHOW \"search_path\"",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_sleep(100)",
        "SELECT pg_logical_emit_message(true, 'a', 'b')",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * INTO u FROM t",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "SELECT 1; DELETE FROM t",
        "INSERT INTO t VALUES (3)",
        "SELECT rolpassword FROM pg_authid",
        "SELECT * FROM pg_catalog.pg_shadow",
        "SELECT subconninfo FROM pg_subscription",
        "SELECT * FROM pg_user_mapping",
        "SELECT * FROM far_t",
        "SHOW primary_conninfo",
        "SELECT current_setting('primary_conninfo')",
        "SELECT current_setting('primary_' || 'conninfo')",
        "TABLE t",
        "EXPLAIN ANALYZE DELETE FROM t",
        "COPY t TO PROGRAM 'id'",
        "SET ROLE postgres",
        "NOTIFY a",
        "VACUUM",
    ] {
        let error = query(&world, statement, Vec::new()).await.unwrap_err();
        let refused = matches!(error, Failure::Denied(_)) || error.problem().code == "sql:syntax";
        assert!(refused, "{statement}: {error}");
    }
    let left: i64 = admin.query_one("SELECT pg_catalog.count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(left, 2);
}

#[tokio::test]
async fn a_query_answers_typed_values_under_a_role_that_only_reads() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    admin(&world)
        .await
        .batch_execute("CREATE TABLE \"Odd Name\"(id int, at timestamptz, price numeric, raw bytea); \
                        INSERT INTO \"Odd Name\" VALUES (1, '1970-01-01 00:00:01Z', 1.50, '\\x00ff'), (2, NULL, NULL, NULL)")
        .await
        .unwrap();
    let rows = query(
        &world,
        "SELECT * FROM \"Odd Name\" WHERE id >= $1 ORDER BY id DESC",
        vec![Value::Integer(1)],
    )
    .await
    .unwrap();
    assert_eq!(rows.columns, ["id", "at", "price", "raw"]);
    assert_eq!(rows.rows[0], [Value::Integer(2), Value::Null, Value::Null, Value::Null]);
    let bytes = Value::Bytes(lockstep_engine::model::Hex(vec![0, 255]));
    assert_eq!(
        rows.rows[1],
        [Value::Integer(1), Value::Moment(Moment(1000)), Value::Decimal("1.50".to_owned()), bytes]
    );
    let who = query(&world, "SELECT current_user, pg_is_in_recovery()", Vec::new()).await.unwrap();
    assert_eq!(who.rows[0], [Value::Text("pg_monitor".to_owned()), Value::Boolean(false)]);
    let who = query(&world, "SELECT current_user FROM \"Odd Name\" LIMIT 1", Vec::new()).await;
    assert_eq!(who.unwrap().rows[0], [Value::Text("pg_read_all_data".to_owned())]);
    let began = "SELECT bool_and(backend_start IS NOT NULL) FROM pg_stat_activity WHERE datname IS NOT NULL";
    let began = query(&world, began, Vec::new()).await.unwrap();
    assert_eq!(began.rows[0], [Value::Boolean(true)], "sessions of others are seen");
    let version = query(&world, "SHOW server_version_num", Vec::new()).await.unwrap();
    assert!(
        matches!(&version.rows[0][0], Value::Text(text) if text.starts_with('1')),
        "{version:?}"
    );
    for fine in [
        "SELECT schemaname, relname, n_live_tup FROM pg_stat_user_tables",
        "SELECT slot_name, active FROM pg_replication_slots",
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
        "WITH x AS (SELECT 1 AS a UNION ALL SELECT 2) SELECT sum(a) FROM x",
        "SELECT pg_current_wal_lsn(), pg_database_size(current_database()), system_identifier FROM pg_control_system()",
        "SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'",
        "SELECT name, setting FROM pg_settings WHERE name IN ('wal_level', 'max_connections')",
        "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'nobody')",
        "SELECT extract(epoch FROM now())::bigint, '{\"a\": 1}'::jsonb ->> 'a'",
        "SELECT a.attname FROM pg_attribute a WHERE a.attrelid = '\"Odd Name\"'::regclass AND a.attnum > 0",
    ] {
        assert!(
            query(&world, fine, Vec::new()).await.is_ok(),
            "{fine}: {:?}",
            query(&world, fine, Vec::new()).await
        );
    }
}

#[tokio::test]
async fn an_answer_is_bounded_and_searched_for_secrets() {
    let world = World::up(Stack::AsRun, &["postgres"]).await;
    let secret = world.lab.variables("postgres").unwrap()["POSTGRES_PASSWORD"].clone();
    let admin = admin(&world).await;
    admin.batch_execute(&format!("CREATE TABLE leak AS SELECT '{secret}'::text AS plain, encode('x{secret}x', 'base64') AS coded")).await.unwrap();
    let rows = query(&world, "SELECT plain, coded FROM leak", Vec::new()).await.unwrap();
    assert_eq!(rows.rows[0][0], Value::Text("[secret]".to_owned()));
    assert!(format!("{rows:?}").matches("[secret]").count() == 2, "{rows:?}");
    let error = query(&world, "SELECT plain::int FROM leak", Vec::new()).await.unwrap_err();
    assert_eq!(error.problem().code, "sql:22P02");
    assert!(!error.to_string().contains(&secret), "{error}");
    let many = query(&world, "SELECT generate_series(1, 10001)", Vec::new()).await.unwrap_err();
    assert_eq!(many.problem().code, "sql:too-large");
    let large = query(&world, "SELECT repeat('x', 1000000) FROM generate_series(1, 9)", Vec::new())
        .await
        .unwrap_err();
    assert_eq!(large.problem().code, "sql:too-large");
    // The session is as good as new afterwards.
    assert!(query(&world, "SELECT 1", Vec::new()).await.is_ok());
    assert_eq!(
        query(&world, "SELECT nothing FROM nowhere", Vec::new()).await.unwrap_err().problem().code,
        "sql:42P01"
    );
}
