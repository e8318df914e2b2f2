//! Opening a store in PostgreSQL, and what is refused.

use lockstep_engine::model::Moment;
use lockstep_store::{Access, ConnectError, Store};
use secrecy::SecretString;
use tokio_postgres::Client;

use crate::server::{self, PASSWORD};
use crate::support::{begin, event, id};

async fn refused(url: &str, schema: &str) -> ConnectError {
    let access = Access::new(&SecretString::from(url), schema).unwrap();
    let refused = Store::connect(access).await.unwrap_err();
    let told = format!("{refused} {refused:?}");
    assert!(!told.contains(PASSWORD) && !told.contains("wrong-password"), "{told}");
    refused
}

async fn owner() -> Client {
    server::raw(&server::shared_url(), "public").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_make_the_same_schema_at_once_get_one_store() {
    let schema = server::fresh();
    let url = server::shared_url();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let (url, schema) = (url.clone(), schema.clone());
            tokio::spawn(async move { server::connect(&url, &schema).await })
        })
        .collect();
    let mut ids = Vec::new();
    for store in opening {
        ids.push(store.await.unwrap().id().await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_schema_is_migrated_and_keeps_its_rows_and_a_newer_one_is_refused_by_name() {
    let (schema, url) = (server::fresh(), server::shared_url());
    let store = server::connect(&url, &schema).await;
    let mut session = begin(&store, "r-1", "e").await;
    session.append(&store, vec![event("a")]).await.unwrap();
    let raw = server::raw(&url, &schema).await;
    // What the second version added is taken away.
    raw.batch_execute(
        "ALTER TABLE runs DROP COLUMN due;
         DROP TRIGGER records_are_not_removed ON records;
         CREATE TRIGGER records_are_not_removed BEFORE DELETE ON records
             FOR EACH ROW EXECUTE FUNCTION refuse('a record is never removed');
         DROP TABLE removals; DROP FUNCTION run_may_go; DROP FUNCTION record_may_go; DROP FUNCTION append;
         UPDATE settings SET value = '1' WHERE name = 'version'",
    )
    .await
    .unwrap();
    let (one, two) = tokio::join!(server::connect(&url, &schema), server::connect(&url, &schema));
    assert_eq!(one.records(&id("r-1")).await.unwrap().len(), 2);
    session.append(&two, vec![event("b")]).await.unwrap();
    raw.execute("UPDATE settings SET value = '99' WHERE name = 'version'", &[]).await.unwrap();
    let newer = refused(&url, &schema).await;
    assert!(matches!(newer, ConnectError::Newer { found: 99, .. }), "{newer}");
    assert!(newer.to_string().contains(&schema), "{newer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_programs_schema_is_refused_and_left_as_it_is_and_an_empty_one_is_used() {
    let (url, owner) = (server::shared_url(), owner().await);
    let tables = ["CREATE TABLE {}.bookmarks (url text)", "CREATE TABLE {}.settings (key text)"];
    for table in tables {
        let schema = server::fresh();
        owner.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        owner.batch_execute(&table.replace("{}", &schema)).await.unwrap();
        let other = refused(&url, &schema).await;
        assert!(matches!(other, ConnectError::NotAStore { .. }), "{other:?}");
    }
    let schema = server::fresh();
    owner.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    server::connect(&url, &schema).await.id().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_role_database_or_place_is_told_apart() {
    let folder = server::shared();
    for (user, password) in [("ada", "wrong-password"), ("nobody-here", PASSWORD)] {
        let url = server::url(folder, user, password, "postgres");
        let refused = refused(&url, "lockstep").await;
        assert!(matches!(refused, ConnectError::Refused { .. }), "{refused:?}");
    }
    let nowhere = refused(&server::url(folder, "ada", PASSWORD, "nothing"), "lockstep").await;
    assert!(matches!(nowhere, ConnectError::NoDatabase { .. }), "{nowhere:?}");
    // Nobody listens on the port of a socket that was just let go.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unreachable =
        refused(&format!("postgres://ada:{PASSWORD}@{free}/postgres"), "lockstep").await;
    assert!(matches!(unreachable, ConnectError::Unreachable { .. }), "{unreachable:?}");
    assert!(unreachable.to_string().contains(&free.port().to_string()), "{unreachable}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_its_own_needs_only_its_schema_and_one_without_rights_is_told_so() {
    let (schema, owner) = (server::fresh(), owner().await);
    owner
        .batch_execute(&format!("CREATE ROLE {schema} LOGIN PASSWORD '{PASSWORD}'"))
        .await
        .unwrap();
    let url = server::url(server::shared(), &schema, PASSWORD, "postgres");
    let denied = refused(&url, &schema).await;
    assert!(matches!(denied, ConnectError::Denied { .. }), "{denied:?}");
    let make = format!("CREATE SCHEMA {schema} AUTHORIZATION {schema}");
    owner.batch_execute(&make).await.unwrap();
    let store = server::connect(&url, &schema).await;
    begin(&store, "r-1", "e").await.append(&store, vec![event("a")]).await.unwrap();
    let others = server::connect(&server::shared_url(), &server::fresh()).await;
    drop(others);
    let foreign = "SELECT has_schema_privilege('public', $1, 'usage')";
    assert!(!owner.query_one(foreign, &[&schema]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_in_another_encoding_is_refused() {
    let owner = owner().await;
    let latin = "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0";
    owner.batch_execute(latin).await.unwrap();
    let unfit = refused(&server::url(server::shared(), "ada", PASSWORD, "latin"), "lockstep").await;
    assert!(unfit.to_string().contains("LATIN1"), "{unfit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_synchronous_although_the_server_is_not_and_a_session_that_is_not_is_refused()
{
    let (schema, url) = (server::fresh(), server::shared_url());
    let store = server::connect(&url, &schema).await;
    begin(&store, "r-1", "e").await.append(&store, vec![event("a")]).await.unwrap();
    let raw = server::raw(&url, &schema).await;
    let off: String = raw.query_one("SHOW synchronous_commit", &[]).await.unwrap().get(0);
    assert_eq!(off, "off", "the tests' server is made so");
    let append = "SELECT append('r-1', 1, 0, '', '', '{}', '{}', '{}', '{}')";
    let refused = raw.query_one(append, &[]).await.unwrap_err();
    let told = refused.as_db_error().unwrap().message().to_owned();
    assert!(told.contains("synchronous_commit is off"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_were_ended_are_opened_again_by_who_needs_them_next() {
    let (schema, url) = (server::fresh(), server::shared_url());
    let store = server::connect(&format!("{url}?application_name={schema}"), &schema).await;
    let mut session = begin(&store, "r-1", "e").await;
    session.append(&store, vec![event("a")]).await.unwrap();
    session.append(&store, vec![event("b")]).await.unwrap();
    store.renew(&session.lease, Moment(3)).await.unwrap();
    let ended = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = $1";
    let count: i64 = owner().await.query_one(ended, &[&schema]).await.unwrap().get(0);
    assert_eq!(count, 3, "one for looks, one for changes, one for appends");
    assert_eq!(store.records(&id("r-1")).await.unwrap().len(), 3);
    store.renew(&session.lease, Moment(4)).await.unwrap();
    // An append that meets its end fails or is made, and never both; the one after it goes on.
    if session.append(&store, vec![event("c")]).await.is_err() {
        session.head = store.head(&id("r-1")).await.unwrap();
        session.append(&store, vec![event("c")]).await.unwrap();
    }
    store.verify(&id("r-1"), Some(&session.head.digest)).await.unwrap();
}
