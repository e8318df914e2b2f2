//! A stand-in's connection to Redis, which comes back when Redis does.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, aio::MultiplexedConnection,
};
use tokio::sync::Mutex;

use super::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(2);

/// A Redis that may be away for a while.
#[derive(Debug)]
pub(crate) struct Cache {
    client: Client,
    current: Mutex<Option<MultiplexedConnection>>,
    reachable: AtomicBool,
}

impl Cache {
    /// The Redis that the variables name: by a URL in `whole`, or by `REDIS_HOST`, `REDIS_PORT` and `password`.
    ///
    /// `None` if they name none. The error never holds the password.
    pub(crate) fn named(
        settings: &Settings,
        whole: &str,
        password: &str,
    ) -> Result<Option<Self>, String> {
        let refused = |error: redis::RedisError| error.to_string();
        let info: ConnectionInfo = if let Some(url) = settings.get(whole) {
            url.into_connection_info()
                .map_err(|error| format!("{whole} is no Redis URL: {error}"))?
        } else if let Some(host) = settings.get("REDIS_HOST") {
            let port = settings.get("REDIS_PORT").unwrap_or("6379");
            let Ok(port) = port.parse::<u16>() else {
                return Err(format!("REDIS_PORT is no port: `{port}`"));
            };
            let info = (host.to_owned(), port).into_connection_info().map_err(refused)?;
            match settings.get(password) {
                Some(password) => {
                    info.set_redis_settings(RedisConnectionInfo::default().set_password(password))
                }
                None => info,
            }
        } else {
            return Ok(None);
        };
        let client = Client::open(info).map_err(refused)?;
        Ok(Some(Self { client, current: Mutex::new(None), reachable: AtomicBool::new(true) }))
    }

    /// Sends one command.
    pub(crate) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let result = self.try_send(command).await;
        if let Err(error) = &result
            && (error.is_unrecoverable_error() || error.is_timeout())
        {
            *self.current.lock().await = None;
        }
        let reachable = result.is_ok();
        if self.reachable.swap(reachable, Ordering::Relaxed) != reachable {
            match &result {
                Ok(_) => tracing::info!("Redis is back"),
                Err(error) => tracing::warn!(%error, "Redis refused or was lost"),
            }
        }
        result
    }

    /// Whether it answers PING now.
    pub(crate) async fn answers(&self) -> bool {
        self.send::<String>(&redis::cmd("PING")).await.is_ok()
    }

    async fn try_send<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let value = connection.send_packed_command(command).await?;
        Ok(redis::from_redis_value(value.extract_error()?)?)
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &*current {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        *current = Some(connection.clone());
        Ok(connection)
    }
}
