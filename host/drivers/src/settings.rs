//! What the operator configured, parsed: the command line alone reads files and the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use lockstep_engine::model::{Millis, Moment};
use reqwest::Url;
use secrecy::SecretString;

/// The clock that `not after` is checked against: the same that the engine's intents are written by.
pub type Now = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Which header a Railway token goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A token of one environment: `Project-Access-Token`.
    Project,
    /// A token of an account or a workspace: `Authorization: Bearer`.
    Bearer,
}

/// How a private service is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// By its private domain: Lockstep runs inside the environment.
    Private,
    /// Through a tunnel of the system's `ssh`, re-made when the service's instance changes.
    Ssh,
    /// Through a TCP proxy that exists. Redis speaks clear text over it, so that takes a permission of its own.
    TcpProxy {
        /// Whether clear text may cross the internet.
        clear_text: bool,
    },
}

/// What speaks at a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// PostgreSQL.
    Postgres,
    /// One Redis server.
    Redis,
    /// The master that Sentinels name. Reached `via` private only, because they answer with private addresses.
    RedisSentinel {
        /// The name of the master.
        master: String,
    },
}

/// One database or Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// What speaks there.
    pub kind: ConnectionKind,
    /// The service that runs it.
    pub service: String,
    /// Services that run other nodes of the same cluster. The one that is the primary is used, wherever it is.
    pub nodes: Vec<String>,
    /// Its port.
    pub port: u16,
    /// The variable of that service that holds its password or its URL.
    pub variable: String,
    /// The user, where the variable holds a password alone.
    pub user: Option<String>,
    /// The database, where the variable holds a password alone.
    pub database: Option<String>,
    /// How Lockstep reaches it.
    pub via: Via,
}

impl Connection {
    /// Returns the services that may be the primary, the named one first.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.service).chain(&self.nodes).map(String::as_str)
    }

    /// Returns the connection to one node alone.
    pub(crate) fn at(&self, service: &str) -> Self {
        Self { service: service.to_owned(), nodes: Vec::new(), ..self.clone() }
    }
}

/// Where an HTTP endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A service of the environment.
    Service {
        /// Its name.
        service: String,
        /// Its port.
        port: u16,
        /// How Lockstep reaches it.
        via: Via,
    },
    /// Somewhere else. Private, loopback and link-local addresses are refused.
    Public(Url),
    /// The lab on this machine, which stands in for somewhere else.
    Lab(Url),
}

/// What the host adds to each request of an endpoint, so that plugins never see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// What stands before the value, such as `Bearer `.
        prefix: String,
        /// The variable that holds the value.
        value: Held,
    },
    /// A user and a password, as HTTP's basic authentication takes them.
    Basic {
        /// The variable that holds the user.
        user: Held,
        /// The variable that holds the password.
        password: Held,
    },
}

/// A variable that holds a part of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub service: String,
    /// The variable.
    pub variable: String,
}

/// An HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it is.
    pub origin: Origin,
    /// What the host adds.
    pub credentials: Vec<Credential>,
}

/// A place where a named secret may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A variable, masked from then on.
    Variable {
        /// Whose.
        service: String,
        /// Which.
        name: String,
    },
    /// A header or the body of a request to an endpoint. Never its path.
    Endpoint(String),
    /// A literal of an effect's statement on a connection.
    Sql(String),
    /// A word of a Redis command that takes a credential.
    Redis(String),
}

/// A secret that the operator named.
#[derive(Clone, Debug)]
pub struct OperatorSecret {
    /// Its value.
    pub value: SecretString,
    /// Where it may go; anywhere else it is denied.
    pub places: Vec<Place>,
}

/// How the system's `ssh` is called for [`Via::Ssh`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// The program.
    pub program: PathBuf,
    /// The host that takes tunnels.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user; none for the id of the service's instance, as Railway wants it.
    pub user: Option<String>,
    /// The private key; none for those that `ssh` finds by itself.
    pub identity: Option<PathBuf>,
    /// The file of known hosts; none for the user's own.
    pub known_hosts: Option<PathBuf>,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            program: PathBuf::from("ssh"),
            host: "ssh.railway.com".to_owned(),
            port: 22,
            user: None,
            identity: None,
            known_hosts: None,
        }
    }
}

/// Everything that [`crate::Drivers::open`] needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Railway's GraphQL endpoint.
    pub api: Url,
    /// The token for it.
    pub token: SecretString,
    /// Which kind of token that is.
    pub token_kind: TokenKind,
    /// Railway's project id.
    pub project_id: String,
    /// Railway's environment id.
    pub environment_id: String,
    /// A registry that answers for every image instead of the image's own; used by the lab.
    pub registry: Option<Url>,
    /// Databases and Redis servers by name.
    pub connections: BTreeMap<String, Connection>,
    /// HTTP endpoints by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Named secrets.
    pub secrets: BTreeMap<String, OperatorSecret>,
    /// The key of fingerprints. The same key must be used from planning to the end of a run.
    pub fingerprint_key: [u8; 32],
    /// How `ssh` is called.
    pub ssh: Ssh,
    /// Folders in which `pg_dump` and `pg_restore` are looked for, best first.
    pub client_programs: Vec<PathBuf>,
    /// How often a long effect is looked at.
    pub poll: Millis,
    /// How long a request that got no answer may still be under way at Railway, counted from the last moment at which it
    /// can have left. Until then, what does not show is not taken for undone.
    pub quiet: Millis,
    /// The longest wait for an answer of Railway.
    pub timeout: Millis,
    /// The clock.
    pub now: Now,
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("api", &self.api.host_str())
            .field("project_id", &self.project_id)
            .field("environment_id", &self.environment_id)
            .field("connections", &self.connections)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Returns settings without connections, endpoints and secrets, with the usual limits.
    pub fn new(
        api: Url,
        token: SecretString,
        token_kind: TokenKind,
        project_id: impl Into<String>,
        environment_id: impl Into<String>,
        fingerprint_key: [u8; 32],
        now: Now,
    ) -> Self {
        Self {
            api,
            token,
            token_kind,
            project_id: project_id.into(),
            environment_id: environment_id.into(),
            registry: None,
            connections: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            secrets: BTreeMap::new(),
            fingerprint_key,
            ssh: Ssh::default(),
            client_programs: Vec::new(),
            // Five services polled every two seconds by one query stay within a tenth of the smallest paid quota's burst.
            poll: Millis(2000),
            quiet: Millis::seconds(15),
            timeout: Millis::seconds(90),
            now,
        }
    }
}
