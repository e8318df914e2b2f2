//! Opening connections, without anything that reconnects by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lockstep_engine::model::Failure;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, ServerErrorKind, cmd,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use crate::railway::Railway;
use crate::secrets::Redactor;
use crate::settings::{Connection, ConnectionKind};
use crate::via::{Address, Reach, Target, Tls};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long one answer may take. `FAILOVER` and the like answer at once and work on.
const ANSWER: Duration = Duration::from_secs(30);

/// The Redis servers of an environment.
pub(crate) struct Servers {
    pub(super) railway: Arc<Railway>,
    pub(super) reach: Arc<Reach>,
    pub(super) redactor: Redactor,
    pub(super) connections: BTreeMap<String, Connection>,
    pub(super) key: [u8; 32],
    reads: Mutex<BTreeMap<String, Open>>,
}

/// An open connection, and the address that it rests on.
#[derive(Clone)]
pub(crate) struct Open {
    pub(super) connection: MultiplexedConnection,
    _address: Address,
}

impl Servers {
    pub(crate) fn new(
        railway: Arc<Railway>,
        reach: Arc<Reach>,
        redactor: Redactor,
        connections: BTreeMap<String, Connection>,
        key: [u8; 32],
    ) -> Self {
        Self { railway, reach, redactor, connections, key, reads: Mutex::new(BTreeMap::new()) }
    }

    /// Returns a connection for reading: the one that is open, or a new one.
    pub(super) async fn reading(&self, name: &str) -> Result<Open, Failure> {
        let mut reads = self.reads.lock().await;
        if let Some(open) = reads.get(name) {
            return Ok(open.clone());
        }
        let open = self.open(name, "lockstep:read").await?;
        reads.insert(name.to_owned(), open.clone());
        Ok(open)
    }

    /// Forgets the connection for reading, so that the next read opens a new one.
    pub(super) async fn forget(&self, name: &str) {
        self.reads.lock().await.remove(name);
    }

    /// Opens a connection of its own under the client name `called`.
    pub(super) async fn open(&self, name: &str, called: &str) -> Result<Open, Failure> {
        let connection = self.named(name)?;
        let opened = self.resolve_and_dial(name, connection).await;
        let open = match opened {
            // What was known of the address may be old, so the next attempt asks again; a wrong password is asked for now.
            Err(failure) => {
                self.railway.forget_addresses().await;
                if failure.problem().code != "redis:noauth" {
                    return Err(failure);
                }
                self.resolve_and_dial(name, connection).await?
            }
            Ok(open) => open,
        };
        self.call(name, open, called).await
    }

    /// Opens a connection where the server was found last, without looking anew where that is.
    pub(super) async fn dial_again(&self, name: &str, called: &str) -> Result<Open, Failure> {
        let open = self.resolve_and_dial(name, self.named(name)?).await?;
        self.call(name, open, called).await
    }

    fn named(&self, name: &str) -> Result<&Connection, Failure> {
        self.connections.get(name).ok_or_else(|| {
            Failure::permanent("redis:no-connection", format!("`{name}` is no connection to Redis"))
        })
    }

    /// Gives a connection its name.
    async fn call(&self, name: &str, mut open: Open, called: &str) -> Result<Open, Failure> {
        // The name is what lets another process find and end this connection. A server that refuses it is too old.
        let named: Result<(), RedisError> =
            cmd("CLIENT").arg("SETNAME").arg(called).query_async(&mut open.connection).await;
        named.map_err(|error| self.redactor.failure(failure(name, &error)))?;
        Ok(open)
    }

    async fn resolve_and_dial(&self, name: &str, connection: &Connection) -> Result<Open, Failure> {
        let mut target = Target::resolve(&self.railway, &self.reach, connection).await?;
        match &connection.kind {
            ConnectionKind::Redis => {}
            ConnectionKind::RedisSentinel { master } => {
                self.find_master(name, &mut target, master).await?;
            }
            ConnectionKind::Postgres => {
                let text = format!("connection `{name}` is PostgreSQL, not Redis");
                return Err(Failure::permanent("redis:no-connection", text));
            }
        }
        dial(name, &target).await.map_err(|error| self.redactor.failure(failure(name, &error)))
    }

    /// Asks a Sentinel where the master is now.
    async fn find_master(
        &self,
        name: &str,
        target: &mut Target,
        master: &str,
    ) -> Result<(), Failure> {
        let mut sentinel = dial(name, target)
            .await
            .map_err(|error| self.redactor.failure(failure(name, &error)))?;
        let found: Result<Option<(String, u16)>, RedisError> = cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(master)
            .query_async(&mut sentinel.connection)
            .await;
        let found = found.map_err(|error| self.redactor.failure(failure(name, &error)))?;
        let (host, port) = found.ok_or_else(|| {
            Failure::permanent(
                "redis:no-master",
                format!("the sentinels of connection `{name}` know no master `{master}`"),
            )
        })?;
        target.address.host = host;
        target.address.port = port;
        Ok(())
    }
}

async fn dial(name: &str, target: &Target) -> Result<Open, RedisError> {
    let (host, port) = (target.address.host.clone(), target.address.port);
    let encrypted = matches!(target.tls, Tls::Verify | Tls::Require) && target.address.open
        || target.tls == Tls::Verify;
    let address = if encrypted {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(password) = &target.password {
        login = login.set_password(password.expose_secret());
        if let Some(user) = &target.user {
            login = login.set_username(user);
        }
    }
    let info = address.into_connection_info()?.set_redis_settings(login);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER));
    tracing::debug!(connection = name, "dialling Redis");
    let connection =
        Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await?;
    Ok(Open { connection, _address: target.address.clone() })
}

/// Returns whether the server itself answered with an error, so that the command surely was not carried out.
pub(super) fn is_answer(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed
    )
}

/// Returns an error in the contract's words. A server's code, in lower case, becomes part of ours.
pub(super) fn failure(name: &str, error: &RedisError) -> Failure {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return Failure::permanent(
            "redis:noauth",
            format!("connection `{name}` did not accept the password"),
        );
    }
    if is_answer(error) {
        let word = error.code().unwrap_or("ERR");
        let code = format!("redis:{}", word.to_ascii_lowercase());
        let text = format!(
            "connection `{name}` answered {word}: {}",
            error.detail().unwrap_or("no more is said")
        );
        let passing = matches!(
            error.kind(),
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
            )
        ) || ["BUSY", "MASTERDOWN", "LOADING", "CLUSTERDOWN", "TRYAGAIN"]
            .contains(&word);
        return if passing {
            Failure::transient(&code, text)
        } else {
            Failure::permanent(&code, text)
        };
    }
    let code = if error.is_timeout() { "redis:timeout" } else { "redis:connection" };
    Failure::transient(code, format!("connection `{name}` failed: {error}"))
}
