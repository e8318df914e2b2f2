//! Which versions really run, as far as the servers themselves tell.

use std::time::Duration;

use lockstep_drivers::{Connection, ConnectionKind, Drivers, Origin};
use lockstep_engine::model::{Failure, HttpMethod, Node, Read, Reading, Request, Service, Value};
use lockstep_engine::run::World as _;

use crate::config::{SCRATCH, connections, endpoints};
use crate::error::CliError;
use crate::session::Opened;

/// How long one server may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    /// The service.
    pub(crate) service: String,
    /// Its version, or why it is not known.
    pub(crate) version: Result<String, String>,
}

/// Asks a service for its version, where there is a way to ask.
pub(crate) async fn of_service(
    opened: &Opened,
    service: &Service,
) -> Result<Option<Live>, CliError> {
    for (name, connection) in connections(&opened.document)? {
        if connection.service == service.name && name != SCRATCH {
            return Ok(Some(of_connection(&opened.drivers, &name, &connection).await));
        }
    }
    for (name, endpoint) in endpoints(&opened.document) {
        if matches!(&endpoint.origin, Origin::Service { service: of, .. } if *of == service.name)
            && let Some(live) = of_endpoint(&opened.drivers, &name, &service.name).await
        {
            return Ok(Some(live));
        }
    }
    Ok(None)
}

/// Asks the server of a connection.
pub(crate) async fn of_connection(drivers: &Drivers, name: &str, connection: &Connection) -> Live {
    let read = match connection.kind {
        ConnectionKind::Postgres => {
            Read::Sql(name.to_owned(), "SHOW server_version".to_owned(), Vec::new())
        }
        ConnectionKind::Redis | ConnectionKind::RedisSentinel { .. } => {
            let words = ["INFO", "server"].map(|word| word.as_bytes().to_vec());
            Read::Redis(name.to_owned(), words.to_vec())
        }
    };
    Live { service: connection.service.clone(), version: ask(drivers, &read).await }
}

/// Asks the server behind an endpoint, if it is one that tells its version without a key.
pub(crate) async fn of_endpoint(drivers: &Drivers, name: &str, service: &str) -> Option<Live> {
    // LiteLLM's `/health` is no such path: it bills every model.
    let path = match name {
        "litellm" => "/health/readiness",
        "langfuse-web" => "/api/public/health",
        _other => return None,
    };
    let request = Request { endpoint: name.to_owned(), path: path.to_owned(), headers: Vec::new() };
    let version = ask(drivers, &Read::Http(HttpMethod::Get, request)).await;
    Some(Live { service: service.to_owned(), version })
}

async fn ask(drivers: &Drivers, read: &Read) -> Result<String, String> {
    match tokio::time::timeout(PATIENCE, drivers.read(read)).await {
        Ok(Ok(reading)) => version(&reading).ok_or_else(|| "it does not say".to_owned()),
        Ok(Err(failure)) => Err(brief(&failure)),
        Err(_elapsed) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}

fn brief(failure: &Failure) -> String {
    crate::render::brief(&failure.to_string())
}

/// Reads the version out of an answer.
fn version(reading: &Reading) -> Option<String> {
    if let Reading::Redis(nodes) = reading {
        return nodes.iter().find_map(redis_version);
    }
    if let Reading::Sql(rows) = reading {
        let Value::Text(text) = rows.rows.first()?.first()? else { return None };
        // Debian's adds its own name.
        return text.split_whitespace().next().map(str::to_owned);
    }
    let Reading::Http(response) = reading else { return None };
    let body: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let of = |name: &str| Some(body.as_ref()?.get(name)?.as_str()?.to_owned());
    let header = response.headers.iter().find(|(name, _)| name == "x-litellm-version");
    of("litellm_version").or_else(|| of("version")).or(header.map(|(_, text)| text.clone()))
}

fn redis_version(node: &Node) -> Option<String> {
    let Node::Text(text) = node else { return None };
    let text = String::from_utf8_lossy(text);
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let valkey = of("valkey_version:").map(|version| format!("Valkey {version}"));
    valkey.or_else(|| of("redis_version:"))
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::{Response, Rows};

    use super::*;

    #[test]
    fn each_kind_of_server_tells_its_version() {
        let info = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n";
        let redis = Reading::Redis(vec![Node::Text(info.as_bytes().to_vec())]);
        assert_eq!(version(&redis).as_deref(), Some("7.0.15"));
        let rows = vec![vec![Value::Text("15.18 (Debian 15.18-1)".to_owned())]];
        let sql = Reading::Sql(Rows { columns: vec!["server_version".to_owned()], rows });
        assert_eq!(version(&sql).as_deref(), Some("15.18"));
        let http = |body: &str, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, text)| ((*name).into(), (*text).into()));
            Reading::Http(Response { status: 200, headers: headers.collect(), body: body.into() })
        };
        let named = http("{\"litellm_version\":\"1.83.0\",\"version\":\"x\"}", &[]);
        assert_eq!(version(&named).as_deref(), Some("1.83.0"));
        let header = http("{}", &[("x-litellm-version", "1.84.1")]);
        assert_eq!(version(&header).as_deref(), Some("1.84.1"));
        assert_eq!(version(&http("<html>", &[])), None);
    }
}
