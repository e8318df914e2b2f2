//! Redis as its two images run it.

use std::time::Duration;

use redis::{Client, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisResult, cmd};

use super::harness::Service;

const DRAINING: Duration = Duration::from_secs(20);
const PASSWORD: &str = "with \"quotes\" \\ and 'more'";

async fn ask<T: FromRedisValue>(
    service: &Service,
    password: Option<&str>,
    words: &[&str],
) -> RedisResult<T> {
    let info = (service.launch.address.to_string(), 6379).into_connection_info()?;
    let info = match password {
        Some(password) => {
            info.set_redis_settings(RedisConnectionInfo::default().set_password(password))
        }
        None => info,
    };
    let mut connection = Client::open(info)?.get_multiplexed_async_connection().await?;
    let mut command = cmd(words[0]);
    command.arg(&words[1..]).query_async(&mut connection).await
}

/// Asks until the server is up and has loaded its data.
async fn until<T: FromRedisValue>(service: &Service, password: Option<&str>, words: &[&str]) -> T {
    service.until(async || ask(service, password, words).await).await
}

async fn setting(service: &Service, password: Option<&str>, name: &str) -> String {
    let found: Vec<String> = until(service, password, &["CONFIG", "GET", name]).await;
    found[1].clone()
}

fn bitnami(number: u8, image: &str) -> Service {
    let variables = [
        ("REDIS_PASSWORD", PASSWORD),
        ("REDIS_MAXMEMORY", "256mb"),
        ("REDIS_MAXMEMORY_POLICY", "allkeys-lru"),
    ];
    Service::new(number, image, &variables)
}

async fn keeps_data_on_its_volume(number: u8, image: &str, version: &str) {
    let mut service = bitnami(number, image).with_volume("/bitnami/redis/data");
    let running = service.deploy().await;
    let pong: String = until(&service, Some(PASSWORD), &["PING"]).await;
    assert_eq!(pong, "PONG");
    let refused = ask::<String>(&service, None, &["PING"]).await.unwrap_err();
    assert_eq!(refused.code(), Some("NOAUTH"), "{refused}");
    assert_eq!(setting(&service, Some(PASSWORD), "appendonly").await, "yes");
    assert_eq!(
        setting(&service, Some(PASSWORD), "maxmemory").await,
        "0",
        "not a variable of Bitnami's"
    );
    let info: String = until(&service, Some(PASSWORD), &["INFO", "server"]).await;
    assert!(info.contains(&format!("redis_version:{version}")), "{info}");
    let set: String = until(&service, Some(PASSWORD), &["SET", "key", "kept"]).await;
    assert_eq!(set, "OK");
    let status = running.stop(DRAINING).await;
    assert!(status.success(), "{status}: {}", service.log());
    let again = service.deploy().await;
    let value: Option<String> = until(&service, Some(PASSWORD), &["GET", "key"]).await;
    assert_eq!(value.as_deref(), Some("kept"));
    drop(again);
}

#[tokio::test]
async fn bitnamis_redis_6_2_enforces_its_password_and_keeps_data_on_its_volume() {
    keeps_data_on_its_volume(1, "bitnami/redis:6.2", "6.2.14").await;
}

#[tokio::test]
async fn bitnamis_redis_7_0_enforces_its_password_and_keeps_data_on_its_volume() {
    keeps_data_on_its_volume(2, "docker.io/bitnamilegacy/redis:7.0.15@sha256:00", "7.0.15").await;
}

#[tokio::test]
async fn data_outside_the_volume_is_lost_with_the_deployment() {
    // Mounted where the official image keeps its data; Bitnami's does not look there.
    let mut service = bitnami(3, "bitnami/redis:7.0").with_volume("/data");
    let running = service.deploy().await;
    let _set: String = until(&service, Some(PASSWORD), &["SET", "key", "lost"]).await;
    assert!(running.stop(DRAINING).await.success());
    let again = service.deploy().await;
    let value: Option<String> = until(&service, Some(PASSWORD), &["GET", "key"]).await;
    assert_eq!(value, None);
    drop(again);
}

#[tokio::test]
async fn bitnamis_image_refuses_to_start_without_a_password_unless_allowed() {
    let mut service = Service::new(4, "bitnami/redis:7.0", &[]);
    let status = service.deploy().await.exited().await;
    assert_eq!(status.code(), Some(1));
    assert!(service.log().contains("ALLOW_EMPTY_PASSWORD=yes"), "{}", service.log());
    service.set("ALLOW_EMPTY_PASSWORD", "yes");
    service.set("REDIS_AOF_ENABLED", "no");
    let running = service.deploy().await;
    assert_eq!(setting(&service, None, "appendonly").await, "no");
    drop(running);
}

#[tokio::test]
async fn a_start_command_replaces_bitnamis_entry_point_and_with_it_the_password() {
    let mut service =
        bitnami(5, "bitnami/redis:6.2").with_start_command("redis-server --appendonly no");
    let running = service.deploy().await;
    let pong: String = until(&service, None, &["PING"]).await;
    assert_eq!(pong, "PONG");
    drop(running);
}

#[tokio::test]
async fn the_official_image_is_open_and_starts_in_its_data_folder() {
    let mut service =
        Service::new(6, "redis:6.2", &[("REDIS_PASSWORD", "no variable of this image")])
            .with_volume("/data");
    let running = service.deploy().await;
    let pong: String = until(&service, None, &["PING"]).await;
    assert_eq!(pong, "PONG");
    let folder = setting(&service, None, "dir").await;
    assert!(folder.ends_with("/volume"), "{folder}");
    assert_eq!(setting(&service, None, "appendonly").await, "no");
    drop(running);
}

#[tokio::test]
async fn the_shell_of_a_start_command_is_run_and_sees_the_volume_where_it_is() {
    let command = r#"/bin/sh -c "rm -rf $RAILWAY_VOLUME_MOUNT_PATH/lost+found/ && exec docker-entrypoint.sh redis-server --requirepass $REDIS_PASSWORD --appendonly yes --save 60 1 --dir /data --bind 0.0.0.0""#;
    let variables = [("REDIS_PASSWORD", "secret"), ("RAILWAY_VOLUME_MOUNT_PATH", "/data")];
    let mut service =
        Service::new(7, "redis:7.0", &variables).with_volume("/data").with_start_command(command);
    let lost = service.launch.volume.as_ref().unwrap().folder.join("lost+found");
    std::fs::create_dir(&lost).unwrap();
    let running = service.deploy().await;
    let _set: String = until(&service, Some("secret"), &["SET", "key", "kept"]).await;
    assert!(!lost.exists());
    let bind = setting(&service, Some("secret"), "bind").await;
    assert_eq!(bind, service.launch.address.to_string(), "the whole machine's port is not taken");
    assert!(running.stop(DRAINING).await.success(), "{}", service.log());
    let again = service.deploy().await;
    let value: Option<String> = until(&service, Some("secret"), &["GET", "key"]).await;
    assert_eq!(value.as_deref(), Some("kept"));
    drop(again);
}

#[tokio::test]
async fn a_start_command_without_a_shell_expands_nothing() {
    let mut service = Service::new(8, "redis:7.0", &[("REDIS_PASSWORD", "secret")])
        .with_start_command("redis-server --requirepass $REDIS_PASSWORD");
    let running = service.deploy().await;
    let pong: String = until(&service, Some("$REDIS_PASSWORD"), &["PING"]).await;
    assert_eq!(pong, "PONG");
    drop(running);
}

#[tokio::test]
async fn what_the_image_does_not_have_is_not_started_from_this_machine() {
    for command in ["cat /etc/passwd", "/usr/bin/env", "redis-server 'open"] {
        let mut service = Service::new(9, "redis:7.0", &[]).with_start_command(command);
        let status = service.deploy().await.exited().await;
        assert_eq!(status.code(), Some(127), "{command}: {}", service.log());
    }
}

#[tokio::test]
async fn redis_7_2_is_valkey_that_reports_7_2_4() {
    let mut service = Service::new(10, "redis:7.2", &[]);
    let running = service.deploy().await;
    let info: String = until(&service, None, &["INFO", "server"]).await;
    assert!(info.contains("redis_version:7.2.4"), "{info}");
    drop(running);
}
