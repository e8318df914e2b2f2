//! A connection, resolved: address, user, password and database, fresh from Railway.

use lockstep_engine::model::{Failure, ServiceRef};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::reach::{Address, Reach};
use crate::railway::Railway;
use crate::settings::{Connection, ConnectionKind, Via};

/// How a connection is encrypted, as the URL's `sslmode` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all.
    Disable,
    /// If the server can.
    Prefer,
    /// Always, whoever the server is: what libpq means by `require`.
    Require,
    /// Always, with a certificate that the usual authorities vouch for.
    Verify,
}

/// Everything that opening a connection takes.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) database: Option<String>,
    pub(crate) tls: Tls,
}

/// What a connection's variable says.
struct Credentials {
    user: Option<String>,
    password: Option<SecretString>,
    database: Option<String>,
    tls: Option<Tls>,
}

impl Target {
    /// Resolves a connection as Lockstep dials it.
    pub(crate) async fn resolve(
        railway: &Railway,
        reach: &Reach,
        connection: &Connection,
    ) -> Result<Self, Failure> {
        let credentials = credentials(railway, connection).await?;
        let address = reach.dial(&connection.service, connection.port, connection.via).await?;
        let allowed = matches!(connection.via, Via::TcpProxy { clear_text: true });
        // Redis can't be asked whether it speaks TLS: a server that does not would wait for the rest of a command for ever.
        let usual = if address.open && !allowed { Tls::Require } else { Tls::Prefer };
        let tls = credentials.tls.unwrap_or(usual);
        let redis = connection.kind != ConnectionKind::Postgres;
        let clear = if redis {
            tls == Tls::Disable || tls == Tls::Prefer || credentials.tls.is_none()
        } else {
            tls == Tls::Disable
        };
        if address.open && clear && !allowed {
            let service = &connection.service;
            let text = format!(
                "the TCP proxy of `{service}` would carry passwords in clear text over the internet"
            );
            return Err(Failure::denied("via:clear-text", text));
        }
        let Credentials { user, password, database, .. } = credentials;
        Ok(Self { address, user, password, database, tls })
    }
}

/// Returns how another service reaches a connection, password included.
///
/// The address is the private one, whoever dials: every service of an environment sees the same names.
pub(crate) async fn conninfo(
    railway: &Railway,
    reach: &Reach,
    connection: &Connection,
) -> Result<String, Failure> {
    let credentials = credentials(railway, connection).await?;
    let mut hosts = Vec::new();
    for service in connection.candidates() {
        let host = reach.private_domain(&ServiceRef::Named(service.to_owned())).await?;
        hosts.push(format!("{host}:{}", connection.port));
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let scheme = if connection.kind == ConnectionKind::Postgres { "postgresql" } else { "redis" };
    let user = credentials.user.as_deref().map(encode).unwrap_or_default();
    let password = credentials
        .password
        .as_ref()
        .map(|password| format!(":{}", encode(password.expose_secret())));
    let login = match (user, password) {
        (user, None) if user.is_empty() => String::new(),
        (user, password) => format!("{user}{}@", password.unwrap_or_default()),
    };
    let database = credentials
        .database
        .as_deref()
        .map(|name| format!("/{}", encode(name)))
        .unwrap_or_default();
    // `read-write` would refuse a primary whose database is sealed against writers.
    let primary = if hosts.len() > 1 { "?target_session_attrs=primary" } else { "" };
    Ok(format!("{scheme}://{login}{}{database}{primary}", hosts.join(",")))
}

async fn credentials(railway: &Railway, connection: &Connection) -> Result<Credentials, Failure> {
    let (service, variable) = (&connection.service, &connection.variable);
    let rendered = railway.dialled(&ServiceRef::Named(service.clone())).await?;
    let Some(value) = rendered.get(variable) else {
        let text = format!(
            "service `{service}` has no readable variable `{variable}`, which holds the connection's password"
        );
        return Err(Failure::permanent("via:no-password", text));
    };
    if !value.contains("://") {
        return Ok(Credentials {
            user: connection.user.clone(),
            password: Some(value.clone()).filter(|value| !value.is_empty()).map(SecretString::from),
            database: connection.database.clone(),
            tls: None,
        });
    }
    from_url(value).ok_or_else(|| {
        Failure::permanent(
            "via:url",
            format!(
                "variable `{variable}` of service `{service}` is not a URL that lockstep can read"
            ),
        )
    })
}

fn from_url(value: &str) -> Option<Credentials> {
    let url: Url = value.trim().parse().ok()?;
    let decode =
        |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let mode =
        url.query_pairs().find(|(name, _)| name == "sslmode").map(|(_, mode)| mode.into_owned());
    let tls = match mode.as_deref() {
        None if url.scheme() == "rediss" => Some(Tls::Verify),
        None => None,
        Some("disable") => Some(Tls::Disable),
        Some("allow" | "prefer") => Some(Tls::Prefer),
        Some("require" | "no-verify") => Some(Tls::Require),
        Some("verify-ca" | "verify-full") => Some(Tls::Verify),
        Some(_) => return None,
    };
    let database = decode(url.path().trim_start_matches('/'))?;
    let password = match url.password() {
        Some(password) => Some(SecretString::from(decode(password)?)),
        None => None,
    };
    Some(Credentials {
        user: decode(url.username()).filter(|user| !user.is_empty()),
        password,
        database: Some(database).filter(|name| !name.is_empty()),
        tls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_the_usual_clients_read_it() {
        let found = from_url("postgresql://me:p%40ss@h:5432/my%20db?sslmode=require").unwrap();
        assert_eq!(found.user.as_deref(), Some("me"));
        assert_eq!(found.password.unwrap().expose_secret(), "p@ss");
        assert_eq!(found.database.as_deref(), Some("my db"));
        assert_eq!(found.tls, Some(Tls::Require));
        assert_eq!(from_url("rediss://:x@h:6379").unwrap().tls, Some(Tls::Verify));
        assert!(from_url("postgresql://h/db?sslmode=perhaps").is_none());
    }
}
