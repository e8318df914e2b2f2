//! Where an environment's services are, for a person who reaches them without Lockstep.

use lockstep_drivers::{Connection, ConnectionKind};

use super::document::{EnvironmentDocument, TokenKindDocument};
use super::resolve::{RAILWAY, connections};
use crate::error::CliError;

/// How Railway and the databases of an environment are reached.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// Railway's GraphQL endpoint.
    pub(crate) api: String,
    /// The variable that holds the token.
    pub(crate) token_variable: String,
    /// How the header begins that carries it.
    pub(crate) token_header: &'static str,
    /// The databases and Redis servers.
    pub(crate) places: Vec<Place>,
}

/// One database or Redis server.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its name.
    pub(crate) name: String,
    /// The service that runs it.
    pub(crate) service: String,
    /// Its port.
    pub(crate) port: u16,
    /// The variable of that service that holds its password or URL.
    pub(crate) variable: String,
    /// Whether it is PostgreSQL.
    pub(crate) is_postgres: bool,
}

impl Place {
    /// Returns commands that show how it is.
    pub(crate) const fn look(&self) -> &'static str {
        if self.is_postgres {
            "export DATABASE_URL=\npsql \"${DATABASE_URL:?}\" -c 'SHOW server_version' -c 'SELECT pg_is_in_recovery()'"
        } else {
            "export REDIS_HOST= REDIS_PORT= REDISCLI_AUTH=\nredis-cli -h \"${REDIS_HOST:?}\" -p \"${REDIS_PORT:-6379}\" INFO | grep -e redis_version -e ^role -e loading -e bgsave -e ^db"
        }
    }
}

/// Returns how an environment is reached.
///
/// # Errors
/// A connection can't be used.
pub(crate) fn dialled(environment: &EnvironmentDocument) -> Result<Dialled, CliError> {
    let place = |(name, connection): (String, Connection)| Place {
        name,
        service: connection.service,
        port: connection.port,
        variable: connection.variable,
        is_postgres: matches!(connection.kind, ConnectionKind::Postgres),
    };
    Ok(Dialled {
        api: environment.api.clone().unwrap_or_else(|| RAILWAY.to_owned()),
        token_variable: environment.token.variable.clone(),
        token_header: match environment.token.kind {
            TokenKindDocument::Project => "Project-Access-Token: ",
            TokenKindDocument::Account => "Authorization: Bearer ",
        },
        places: connections(environment)?.into_iter().map(place).collect(),
    })
}
