//! The databases and services that the tests put together.

use std::{net::Ipv4Addr, time::Duration};

use reqwest::StatusCode;
use serde_json::Value;
use tokio_postgres::NoTls;

use crate::launcher::tests::harness::Service;

pub(super) const DRAINING: Duration = Duration::from_secs(20);

/// A PostgreSQL that keeps its data over deployments.
pub(super) fn postgres(number: u8) -> Service {
    let variables = [("POSTGRES_PASSWORD", "secret"), ("POSTGRES_DB", "app")];
    Service::new(number, "postgres:15", &variables).with_volume("/var/lib/postgresql/data")
}

/// A Redis that keeps its data over deployments.
pub(super) fn redis(number: u8) -> Service {
    Service::new(number, "bitnami/redis:7.0", &[("REDIS_PASSWORD", "secret")])
        .with_volume("/bitnami/redis/data")
}

/// The URL under which a service finds `postgres`.
pub(super) fn url(postgres: &Service, password: &str) -> String {
    format!(
        "postgresql://postgres:{password}@{}:5432/app?connection_limit=3",
        postgres.launch.address
    )
}

/// Points a service to `redis`.
pub(super) fn use_redis(service: &mut Service, redis: &Service, password: &str) {
    service.set("REDIS_HOST", &redis.launch.address.to_string());
    service.set("REDIS_PORT", "6379");
    service.set(password, "secret");
}

/// Reads one number from the database.
pub(super) async fn number(postgres: &Service, sql: &str) -> Result<i64, tokio_postgres::Error> {
    let (client, connection) =
        tokio_postgres::connect(&url(postgres, "secret").replace("?connection_limit=3", ""), NoTls)
            .await?;
    let driver = tokio::spawn(connection);
    let result = client.query_one(sql, &[]).await.and_then(|row| row.try_get(0));
    driver.abort();
    result
}

/// Runs statements in the database.
pub(super) async fn execute(postgres: &Service, sql: &str) {
    let url = url(postgres, "secret").replace("?connection_limit=3", "");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    driver.abort();
}

/// Asks Redis.
pub(super) async fn ask<T: redis::FromRedisValue>(
    service: &Service,
    words: &[&str],
) -> redis::RedisResult<T> {
    let client = redis::Client::open(format!("redis://:secret@{}/", service.launch.address))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
}

/// An answer: its status, its headers as text, its body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) async fn of(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        Ok(Self { status, headers, body: response.text().await? })
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Gets a page with a bearer token, none if it is empty.
pub(super) async fn get(
    address: Ipv4Addr,
    path: &str,
    token: &str,
) -> Result<Answer, reqwest::Error> {
    let request = client()?.get(format!("http://{address}:{path}"));
    let request = if token.is_empty() { request } else { request.bearer_auth(token) };
    Answer::of(request.send().await?).await
}

/// Gets a page with a user and a password.
pub(super) async fn get_as(address: Ipv4Addr, path: &str, user: &str, password: &str) -> Answer {
    let url = format!("http://{address}:{path}");
    let sent = client().unwrap().get(url).basic_auth(user, Some(password)).send().await;
    Answer::of(sent.unwrap()).await.unwrap()
}

/// Posts JSON with a user and a password.
pub(super) async fn post_as(
    address: Ipv4Addr,
    path: &str,
    user: &str,
    password: &str,
    body: &Value,
) -> Answer {
    let request = client().unwrap().post(format!("http://{address}:{path}"));
    let sent = request.basic_auth(user, Some(password)).json(body).send().await;
    Answer::of(sent.unwrap()).await.unwrap()
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    // A second provider is refused, and the first does as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()
}

/// Sends a statement to ClickHouse, as the user `u`.
pub(super) async fn ask_clickhouse(
    service: &Service,
    statement: &str,
) -> Result<Answer, reqwest::Error> {
    let url = format!("http://{}:8123/", service.launch.address);
    let request = client()?.post(url).basic_auth("u", Some("secret")).body(statement.to_owned());
    Answer::of(request.send().await?).await
}

/// Waits until a page answers with `status`.
pub(super) async fn until(service: &Service, path: &str, status: u16) -> Answer {
    let address = service.launch.address;
    service
        .until(async || match get(address, path, "").await {
            Ok(answer) if answer.status.as_u16() == status => Ok(answer),
            Ok(answer) => Err(format!("{}: {}", answer.status, answer.body)),
            Err(error) => Err(error.to_string()),
        })
        .await
}
