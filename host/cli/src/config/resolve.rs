//! What `lockstep.toml` means for one environment: settings for the drivers, options and grants for the plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockstep_drivers::{
    Connection, ConnectionKind, Endpoint, Origin, SecretString, Settings, Ssh, TokenKind, Url, Via,
};
use lockstep_engine::model::Millis;
use lockstep_engine::run::OnFailure;

use super::document::{
    ConnectionDocument, ConnectionKindDocument, Document, EnvironmentDocument, LAB,
    OnFailureDocument, SshDocument, TokenDocument, TokenKindDocument, ViaDocument,
};
use super::endpoint::EndpointDocument;
use crate::args::Surroundings;
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lab::Address;

/// The database that LiteLLM and Langfuse share.
const DATABASE: &str = "litellm_langfuse";

/// The endpoint of Patroni's API at a server that is converted in place.
pub(crate) const PATRONI: &str = "patroni";

/// The service in front of the cluster that it becomes. Without it there is no Patroni either.
pub(crate) const CLUSTER_FRONT: &str = "Postgres HA";

/// The connection to the database in which a migration is rehearsed. It is there only meanwhile, so nobody is to dial it for
/// anything else.
pub(crate) const SCRATCH: &str = "litellm-scratch";

/// The endpoint that lists the releases of public projects, as GitHub's API does.
const RELEASES: &str = "releases";

/// Railway's GraphQL endpoint.
pub(super) const RAILWAY: &str = "https://backboard.railway.com/graphql/v2";

/// Finds the environment that is meant.
///
/// # Errors
/// None was named, or there is none with that name.
pub(crate) fn choose(
    document: Option<&Document>,
    wanted: Option<&str>,
    lab: Option<&Address>,
) -> Result<(String, EnvironmentDocument), CliError> {
    let none = BTreeMap::new();
    let environments = document.map_or(&none, |document| &document.environments);
    let others = environments.keys().map(String::as_str).filter(|known| *known != LAB);
    let known: Vec<&str> = others.chain([LAB]).collect();
    let usual = document.and_then(|document| document.default_environment.as_deref());
    let Some(name) = wanted.or(usual).or_else(|| only(environments)) else {
        return Err(CliError::words(Exit::Usage, "no environment was named")
            .hint(format!("name one with `-e`: {}", known.join(", "))));
    };
    let written = environments.get(name);
    if let Some(environment) = written.filter(|written| !written.is_this_lab(name)) {
        return Ok((name.to_owned(), environment.clone()));
    }
    if name != LAB {
        return Err(CliError::words(Exit::Usage, format!("there is no environment `{name}`"))
            .hint(format!("there are: {}", known.join(", "))));
    }
    match lab {
        Some(lab) => Ok((LAB.to_owned(), of_lab(lab, written))),
        None => Err(CliError::words(Exit::Failed, "the lab is not running")
            .hint("start it with `lockstep lab up`")),
    }
}

fn only(environments: &BTreeMap<String, EnvironmentDocument>) -> Option<&str> {
    let mut names = environments.keys();
    names.next().filter(|_| names.next().is_none()).map(String::as_str)
}

/// The lab, as an environment of `lockstep.toml`, with what is `written` there of it.
fn of_lab(lab: &Address, written: Option<&EnvironmentDocument>) -> EnvironmentDocument {
    let written = written.cloned().unwrap_or_default();
    let mut options = written.options;
    // Whoever rehearses wants to see the end of a soak, and of a server that never answers.
    let usual = [
        ("redis", "soak", "1"),
        ("redis", "boot-limit", "20"),
        ("repair", "soak", "1"),
        ("repair", "boot-limit", "60"),
        ("litellm", "soak", "1"),
        ("litellm", "boot-limit", "60"),
        // The only one that the stand-in offers.
        ("litellm", "model", lockstep_lab::MODEL),
    ];
    for (plugin, name, value) in usual {
        let of_plugin = options.entry(plugin.to_owned()).or_default();
        of_plugin.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    EnvironmentDocument {
        project: lab.project_id.clone(),
        environment: lab.environment_id.clone(),
        token: TokenDocument::default(),
        api: Some(lab.api.clone()),
        registry: Some(lab.registry.clone()),
        via: ViaDocument::Private,
        ssh: SshDocument::default(),
        options,
        ..written
    }
}

/// Finds the token of an environment: the lab's own, or the variable that `lockstep.toml` names.
///
/// # Errors
/// It is not there.
pub(crate) fn token(
    name: &str,
    environment: &EnvironmentDocument,
    lab: Option<&Address>,
    surroundings: &Surroundings,
) -> Result<SecretString, CliError> {
    if let Some(lab) =
        lab.filter(|lab| name == LAB && lab.environment_id == environment.environment)
    {
        return Ok(SecretString::from(lab.token.clone()));
    }
    let variable = &environment.token.variable;
    surroundings.get(variable).map(|token| SecretString::from(token.to_owned())).ok_or_else(|| {
        let words =
            format!("environment `{name}` takes its token from {variable}, which is not set");
        CliError::words(Exit::Usage, words)
            .hint(format!("export {variable}=… (Railway: project settings, tokens)"))
    })
}

/// Returns what the drivers need for an environment.
///
/// # Errors
/// A URL or a connection can't be used.
pub(crate) fn settings(
    name: &str,
    environment: &EnvironmentDocument,
    token: SecretString,
    key: [u8; 32],
) -> Result<Settings, CliError> {
    let kind = match environment.token.kind {
        TokenKindDocument::Project => TokenKind::Project,
        TokenKindDocument::Account => TokenKind::Bearer,
    };
    let api = url(environment.api.as_deref().unwrap_or(RAILWAY))?;
    let (project, id) = (environment.project.clone(), environment.environment.clone());
    let mut settings = Settings::new(api, token, kind, project, id, key, Arc::new(now));
    if name == LAB {
        settings.poll = Millis(50);
        settings.quiet = Millis(1000);
        settings.timeout = Millis::seconds(20);
    }
    settings.registry = environment.registry.as_deref().map(url).transpose()?;
    let usual = Ssh::default();
    settings.ssh = Ssh {
        program: environment.ssh.program.clone().unwrap_or(usual.program),
        host: environment.ssh.host.clone().unwrap_or(usual.host),
        port: environment.ssh.port.unwrap_or(usual.port),
        user: environment.ssh.user.clone(),
        identity: environment.ssh.identity.clone(),
        known_hosts: environment.ssh.known_hosts.clone(),
    };
    settings.connections = connections(environment)?;
    settings.connections.entry(SCRATCH.to_owned()).or_insert_with(|| scratch(via(environment.via)));
    settings.endpoints = endpoints(environment);
    if let Some(lab) = settings.registry.clone().filter(|_| name == LAB) {
        let endpoint = Endpoint { origin: Origin::Lab(lab), credentials: Vec::new() };
        settings.endpoints.entry(RELEASES.to_owned()).or_insert(endpoint);
    }
    Ok(settings)
}

/// Returns the HTTP endpoints of an environment: the usual ones, and those that are written down.
pub(crate) fn endpoints(environment: &EnvironmentDocument) -> BTreeMap<String, Endpoint> {
    let mut endpoints = usual_endpoints(via(environment.via));
    for (name, endpoint) in &environment.endpoints {
        let endpoint = match endpoint {
            EndpointDocument::Service { service, port, via: own } => {
                endpoint_of(service.clone(), *port, via(own.unwrap_or(environment.via)))
            }
            EndpointDocument::Public(url) => {
                Endpoint { origin: Origin::Public(url.clone()), credentials: Vec::new() }
            }
        };
        endpoints.insert(name.clone(), endpoint);
    }
    endpoints
}

/// Returns the databases and Redis servers of an environment: the usual ones, and those that are written down.
///
/// # Errors
/// One of them can't be used.
pub(crate) fn connections(
    environment: &EnvironmentDocument,
) -> Result<BTreeMap<String, Connection>, CliError> {
    let mut connections = usual_connections(via(environment.via));
    for (name, connection) in &environment.connections {
        connections.insert(name.clone(), connection_of(name, connection, environment.via)?);
    }
    Ok(connections)
}

/// Returns what a run does when a step fails.
pub(crate) const fn on_failure(environment: &EnvironmentDocument) -> OnFailure {
    match environment.on_failure {
        OnFailureDocument::Rollback => OnFailure::RollBack,
        OnFailureDocument::Stop => OnFailure::Stop,
    }
}

fn url(text: &str) -> Result<Url, CliError> {
    Url::parse(text)
        .map_err(|error| anyhow::Error::new(error).context(format!("`{text}` is not a URL")))
        .or_exit(Exit::Usage)
}

const fn via(document: ViaDocument) -> Via {
    match document {
        ViaDocument::Private => Via::Private,
        ViaDocument::Ssh => Via::Ssh,
        ViaDocument::TcpProxy => Via::TcpProxy { clear_text: false },
        ViaDocument::TcpProxyInClearText => Via::TcpProxy { clear_text: true },
    }
}

fn connection_of(
    name: &str,
    document: &ConnectionDocument,
    usual: ViaDocument,
) -> Result<Connection, CliError> {
    let kind = match (document.kind, document.master.clone()) {
        (ConnectionKindDocument::Postgres, None) => ConnectionKind::Postgres,
        (ConnectionKindDocument::Redis, None) => ConnectionKind::Redis,
        (ConnectionKindDocument::RedisSentinel, Some(master)) => {
            ConnectionKind::RedisSentinel { master }
        }
        (ConnectionKindDocument::RedisSentinel, None) => {
            return Err(CliError::words(
                Exit::Usage,
                format!("connection `{name}` names no `master`"),
            ));
        }
        (ConnectionKindDocument::Postgres | ConnectionKindDocument::Redis, Some(_)) => {
            return Err(CliError::words(
                Exit::Usage,
                format!("connection `{name}` has a `master` and is not redis-sentinel"),
            ));
        }
    };
    Ok(Connection {
        kind,
        service: document.service.clone(),
        nodes: document.nodes.clone(),
        port: document.port,
        variable: document.variable.clone(),
        user: document.user.clone(),
        database: document.database.clone(),
        via: via(document.via.unwrap_or(usual)),
    })
}

/// The databases of the nine services, of the cluster that the guide names, and the front of a converted server. Nothing is dialled before it is used, so it does
/// no harm where there is no cluster.
fn usual_connections(via: Via) -> BTreeMap<String, Connection> {
    let connection = |kind, service: &str, port, variable: &str| Connection {
        kind,
        service: service.to_owned(),
        nodes: Vec::new(),
        port,
        variable: variable.to_owned(),
        user: None,
        database: None,
        via,
    };
    let cluster = |database: &str| Connection {
        nodes: vec!["pg-1".to_owned(), "pg-2".to_owned()],
        user: Some("postgres".to_owned()),
        database: Some(database.to_owned()),
        ..connection(ConnectionKind::Postgres, "pg-0", 5432, "POSTGRESQL_PASSWORD")
    };
    let own = Connection {
        variable: "DATABASE_URL".to_owned(),
        user: None,
        database: None,
        ..cluster("postgres")
    };
    let front = Connection {
        user: Some("postgres".to_owned()),
        database: Some("postgres".to_owned()),
        ..connection(ConnectionKind::Postgres, "pgpool", 5432, "PGPOOL_POSTGRES_PASSWORD")
    };
    BTreeMap::from([
        ("redis".to_owned(), connection(ConnectionKind::Redis, "redis", 6379, "REDIS_PASSWORD")),
        (
            "postgres".to_owned(),
            connection(ConnectionKind::Postgres, "postgres", 5432, "DATABASE_URL"),
        ),
        ("cluster".to_owned(), cluster(DATABASE)),
        ("cluster-admin".to_owned(), cluster("postgres")),
        ("cluster-own".to_owned(), own),
        ("front".to_owned(), front),
        (
            "postgres-ha".to_owned(),
            connection(ConnectionKind::Postgres, CLUSTER_FRONT, 5432, "DATABASE_URL"),
        ),
    ])
}

/// The database in which a migration is rehearsed, on the same server as the real one.
fn scratch(via: Via) -> Connection {
    Connection {
        kind: ConnectionKind::Postgres,
        service: "postgres".to_owned(),
        nodes: Vec::new(),
        port: 5432,
        variable: "POSTGRES_PASSWORD".to_owned(),
        user: Some("postgres".to_owned()),
        database: Some("lockstep_rehearsal".to_owned()),
        via,
    }
}

/// The HTTP endpoints of the nine services, and Patroni's API at a server that is converted.
fn usual_endpoints(via: Via) -> BTreeMap<String, Endpoint> {
    let services = [
        ("litellm", 4000),
        ("langfuse-web", 3000),
        ("langfuse-worker", 3030),
        ("clickhouse", 8123),
        ("minio", 9000),
        ("backup-service", 8080),
        ("health-monitor", 8080),
    ];
    let services = services.into_iter().map(|(service, port)| (service, service, port));
    services
        .chain([(PATRONI, "postgres", 8008)])
        .map(|(name, service, port)| (name.to_owned(), endpoint_of(service.to_owned(), port, via)))
        .collect()
}

const fn endpoint_of(service: String, port: u16, via: Via) -> Endpoint {
    Endpoint { origin: Origin::Service { service, port, via }, credentials: Vec::new() }
}
