//! A stand-in's connection to PostgreSQL, which comes back when the database does.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, NoTls, Row, types::ToSql};

/// How long connecting, and then each statement, may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// What Prisma reads from a database URL for itself.
const OF_PRISMA: [&str; 9] = [
    "schema",
    "connection_limit",
    "pool_timeout",
    "pgbouncer",
    "sslaccept",
    "sslidentity",
    "statement_cache_size",
    "socket_timeout",
    "single_use_connections",
];

/// Why a statement was not carried out, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("PostgreSQL refused or was lost")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("PostgreSQL did not answer within {} s", PATIENCE.as_secs())]
    Slow,
}

impl DatabaseError {
    /// The innermost cause, which for a server's refusal is its own message.
    pub(crate) fn cause(&self) -> String {
        cause(self)
    }
}

/// A database that may be away for a while.
pub(crate) struct Database {
    config: Config,
    current: Mutex<Option<Connected>>,
    reachable: AtomicBool,
}

struct Connected {
    client: Arc<Client>,
    driver: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Database {
    /// The database that `url` names; nothing is connected yet. The error never holds the URL.
    pub(crate) fn at(url: &str) -> Result<Self, String> {
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            return Err(
                "the URL must start with the protocol `postgresql://` or `postgres://`".to_owned()
            );
        }
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let kept: Vec<&str> = options
            .split('&')
            .filter(|option| !option.is_empty())
            .filter(|option| !OF_PRISMA.contains(&option.split('=').next().unwrap_or_default()))
            .collect();
        let plain =
            if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let config = Config::from_str(&plain).map_err(|error| {
            let cause =
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error} {cause}").trim_end().to_owned()
        })?;
        Ok(Self::with(config))
    }

    /// The database that `config` names; nothing is connected yet.
    pub(crate) fn with(config: Config) -> Self {
        Self { config, current: Mutex::new(None), reachable: AtomicBool::new(true) }
    }

    /// Runs statements without parameters.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), DatabaseError> {
        let result =
            async { self.client().await?.batch_execute(sql).await.map_err(DatabaseError::from) };
        self.bounded(result).await
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, DatabaseError> {
        let result =
            async { self.client().await?.execute(sql, values).await.map_err(DatabaseError::from) };
        self.bounded(result).await
    }

    /// Reads one row.
    pub(crate) async fn row(&self, sql: &str) -> Result<Row, DatabaseError> {
        let result = async { Ok(self.client().await?.query_one(sql, &[]).await?) };
        self.bounded(result).await
    }

    /// Reads one number.
    pub(crate) async fn number(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<i64, DatabaseError> {
        let result = async {
            let row = self.client().await?.query_one(sql, values).await?;
            Ok(row.try_get(0)?)
        };
        self.bounded(result).await
    }

    /// Reads one text.
    pub(crate) async fn text(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<String>, DatabaseError> {
        let result = async {
            let row = self.client().await?.query_one(sql, values).await?;
            Ok(row.try_get(0)?)
        };
        self.bounded(result).await
    }

    /// Whether it answers a query now.
    pub(crate) async fn answers(&self) -> bool {
        self.number("SELECT 1::bigint", &[]).await.is_ok()
    }

    async fn client(&self) -> Result<Arc<Client>, DatabaseError> {
        let mut current = self.current.lock().await;
        if let Some(connected) = &*current
            && !connected.client.is_closed()
        {
            return Ok(Arc::clone(&connected.client));
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        let client = Arc::new(client);
        *current = Some(Connected { client: Arc::clone(&client), driver });
        Ok(client)
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        let result = timeout(PATIENCE, work).await.unwrap_or(Err(DatabaseError::Slow));
        if let Err(DatabaseError::Slow) = &result {
            // Its answer may come yet, to nobody; the next statement starts on a connection of its own.
            *self.current.lock().await = None;
        }
        let reachable = result.is_ok();
        if self.reachable.swap(reachable, Ordering::Relaxed) != reachable {
            match &result {
                Ok(_) => tracing::info!("PostgreSQL is back"),
                Err(error) => tracing::warn!(cause = cause(error), "{error}"),
            }
        }
        result
    }
}

/// The innermost cause, which for a server's refusal is its own message.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prisma_reads_from_a_url_is_no_concern_of_postgres() {
        let url =
            "postgresql://u:p@127.0.0.1:5432/d?schema=public&connection_limit=5&application_name=a";
        let database = Database::at(url).unwrap();
        assert_eq!(database.config.get_application_name(), Some("a"));
    }

    #[test]
    fn a_url_that_names_no_postgres_is_refused_without_being_shown() {
        for url in ["mysql://u:hidden@h/d", "postgresql://u:hidden@h:notaport/d", ""] {
            let error = Database::at(url).unwrap_err();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
