//! What the environment names, really dialled: Railway, its databases and Redis servers, its HTTP endpoints.

use std::collections::BTreeSet;
use std::path::PathBuf;

use lockstep_drivers::{Connection, ConnectionKind, Endpoint, Origin, Via};
use lockstep_engine::model::{
    Failure, HttpMethod, Node, Read, Reading, Request, ServiceRef, Value,
};
use lockstep_engine::run::World as _;

use super::{Finding, machine};
use crate::config::{CLUSTER_FRONT, PATRONI, SCRATCH};
use crate::error::CliError;
use crate::session::{Opened, Session};

/// The code of the failure that a user or a password is not there to be sent.
const NO_CREDENTIAL: &str = "http:credential";

/// The code of the failure that a server has no such database.
const NO_DATABASE: &str = "sql:3D000";

/// Looks at the environment that is meant and at everything that it names.
pub(super) async fn look(session: &Session) -> Vec<Finding> {
    if !is_named(session) {
        let hint = "name one with `-e`; `lockstep lab up` starts one to rehearse with";
        return vec![Finding::absent("environment", "none was named, so none was dialled", hint)];
    }
    let opened = match session.environment().await {
        Ok(opened) => opened,
        Err(error) => return vec![Finding::wrong("environment", &error)],
    };
    let mut findings = vec![Finding::fine("environment", format!("`{}` answers", opened.name))];
    let running = match running(&opened).await {
        Ok(running) => running,
        Err(failure) => {
            findings.push(Finding::wrong("services", &CliError::from(failure)));
            return findings;
        }
    };
    let via_ssh = opened.connections.values().any(|one| one.via == Via::Ssh)
        || opened
            .endpoints
            .values()
            .any(|one| matches!(one.origin, Origin::Service { via: Via::Ssh, .. }));
    if via_ssh {
        let usual = PathBuf::from("ssh");
        let program = opened.document.ssh.program.as_ref().unwrap_or(&usual);
        findings.push(machine::tunnels(program, &session.surroundings));
    }
    let connections = opened
        .connections
        .iter()
        .map(|(name, connection)| Box::pin(connection_is(&opened, &running, name, connection)));
    findings.extend(futures_util::future::join_all(connections).await);
    let endpoints = opened
        .endpoints
        .iter()
        .map(|(name, endpoint)| Box::pin(endpoint_is(&opened, &running, name, endpoint)));
    findings.extend(futures_util::future::join_all(endpoints).await);
    for weak in opened.drivers.weak_secrets() {
        let hint =
            "give it at least 8 characters; until then no upgrade can keep it from being shown";
        findings.push(Finding::absent(
            "secrets",
            format!("{weak} is too short to be searched for"),
            hint,
        ));
    }
    findings
}

/// Returns whether the command line or `lockstep.toml` says which environment is meant.
fn is_named(session: &Session) -> bool {
    let written = session.document.as_ref().is_some_and(|document| {
        document.default_environment.is_some() || !document.environments.is_empty()
    });
    written || session.global.environment.is_some()
}

/// Returns the services that have a deployment.
async fn running(opened: &Opened) -> Result<BTreeSet<String>, Failure> {
    let mut running = BTreeSet::new();
    if let Reading::Services(services) = opened.drivers.read(&Read::Services).await? {
        for service in services {
            let named = ServiceRef::Named(service.name.clone());
            let newest = opened.drivers.read(&Read::Deployments(named, 1)).await?;
            if matches!(newest, Reading::Deployments(newest) if !newest.is_empty()) {
                running.insert(service.name);
            }
        }
    }
    Ok(running)
}

async fn connection_is(
    opened: &Opened,
    running: &BTreeSet<String>,
    name: &str,
    connection: &Connection,
) -> Finding {
    let what = format!("connection {name}");
    if !opened.document.connections.contains_key(name) && !running.contains(&connection.service) {
        return unused(what, &connection.service);
    }
    let read = match connection.kind {
        ConnectionKind::Redis | ConnectionKind::RedisSentinel { .. } => {
            Read::Redis(name.to_owned(), vec![b"PING".to_vec()])
        }
        ConnectionKind::Postgres => {
            Read::Sql(name.to_owned(), "SHOW server_version".to_owned(), Vec::new())
        }
    };
    let by = by(connection.via);
    match opened.drivers.read(&read).await {
        Ok(Reading::Redis(nodes)) => match nodes.as_slice() {
            [Node::Text(word)] if word == b"PONG" => {
                Finding::fine(what, format!("Redis answers {by}"))
            }
            other => odd(what, &format!("{other:?}")),
        },
        Ok(Reading::Sql(rows)) => match rows.rows.first().and_then(|row| row.first()) {
            Some(Value::Text(version)) => {
                Finding::fine(what, format!("PostgreSQL {version} answers {by} and is a primary"))
            }
            other => odd(what, &format!("{other:?}")),
        },
        Ok(other) => odd(what, &format!("{other:?}")),
        Err(failure) if name == SCRATCH && failure.problem().code == NO_DATABASE => {
            Finding::absent(what, "no migration is being rehearsed", "nothing to do")
        }
        Err(failure) => Finding::wrong(what, &CliError::from(failure)),
    }
}

async fn endpoint_is(
    opened: &Opened,
    running: &BTreeSet<String>,
    name: &str,
    endpoint: &Endpoint,
) -> Finding {
    let what = format!("endpoint {name}");
    let by = match &endpoint.origin {
        Origin::Service { service, via, .. } => {
            let needed = if name == PATRONI { CLUSTER_FRONT } else { service };
            if !opened.document.endpoints.contains_key(name) && !running.contains(needed) {
                return unused(what, needed);
            }
            by(*via)
        }
        Origin::Public(_) => "over the internet",
        Origin::Lab(_) => "in the lab's place",
    };
    // A path of its own could be one that does something, as some do even when they are only read.
    let request = Request { endpoint: name.to_owned(), path: "/".to_owned(), headers: Vec::new() };
    match opened.drivers.read(&Read::Http(HttpMethod::Head, request)).await {
        // Who does not implement this method answers all the same.
        Ok(Reading::Http(response)) if response.status < 500 || response.status == 501 => {
            Finding::fine(what, format!("answers {by} (status {})", response.status))
        }
        Ok(Reading::Http(response)) => {
            odd(what, &format!("status {}, which is a fault of its own", response.status))
        }
        Ok(other) => odd(what, &format!("{other:?}")),
        Err(failure) if failure.problem().code == NO_CREDENTIAL => {
            let hint =
                "nothing to do, unless an upgrade asks for it: set the variable on that service";
            Finding::absent(what, failure.problem().message.clone(), hint)
        }
        Err(failure) => Finding::wrong(what, &CliError::from(failure)),
    }
}

/// Returns a usual connection or endpoint whose service is not in use here.
fn unused(what: String, service: &str) -> Finding {
    let hint = "nothing to do, unless it should run here";
    Finding::absent(what, format!("service `{service}` was never deployed here"), hint)
}

fn odd(what: String, answer: &str) -> Finding {
    let hints = vec![
        "what listens there is not what lockstep.toml says, or it is ill: `lockstep status`"
            .to_owned(),
    ];
    Finding { what, found: Err(format!("answers with {answer}")), needed: true, hints }
}

const fn by(via: Via) -> &'static str {
    match via {
        Via::Private => "at its private address",
        Via::Ssh => "through a tunnel",
        Via::TcpProxy { .. } => "through its TCP proxy",
    }
}
