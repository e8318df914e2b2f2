//! How a store's server is reached: read from a URL once, and never told to anybody.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::Proof;
use crate::error::StoreError;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a silent connection stays before the system asks whether the other end is still there.
const IDLE: Duration = Duration::from_secs(10);

/// How long what was sent may stay without a sign that it arrived.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// The longest name that PostgreSQL keeps whole.
const MAX_NAME: usize = 63;

/// How to reach the schema that holds a store, known to be well-formed.
#[derive(Clone)]
pub struct Access {
    pub(super) config: Config,
    pub(super) proof: Proof,
    pub(super) schema: String,
    place: String,
}

/// Why a store in PostgreSQL was not opened. No variant holds the URL or a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is no URL of a PostgreSQL database, or has a parameter that is not known here. It is a secret, so it is not
    /// shown.
    #[error("the store's URL is not one of a PostgreSQL database")]
    Url,
    /// The schema's name can't be used.
    #[error(
        "`{0}` is no name for the store's schema: lowercase letters, digits and `_`, at most 63, and not `pg_…`"
    )]
    Schema(String),
    /// TLS can't be set up on this side.
    #[error("could not set up TLS for the store")]
    Tls(#[source] rustls::Error),
    /// Nobody answers, or not as PostgreSQL does.
    #[error("could not reach the store's server ({place}): {why}")]
    Unreachable {
        /// Where.
        place: String,
        /// Why.
        why: String,
    },
    /// The server does not let this role in: a wrong password, or a rule of its `pg_hba.conf`.
    #[error("the store's server ({place}) refuses the role: {why}")]
    Refused {
        /// Where.
        place: String,
        /// In the server's words.
        why: String,
    },
    /// There is no such database.
    #[error("the store's server ({place}) has no such database: {why}")]
    NoDatabase {
        /// Where.
        place: String,
        /// In the server's words.
        why: String,
    },
    /// The role may not make or use the schema.
    #[error("the role may not use schema `{schema}` of the store ({place}): {why}")]
    Denied {
        /// Where.
        place: String,
        /// The schema.
        schema: String,
        /// In the server's words.
        why: String,
    },
    /// A journal there would not be durable, or could not be written.
    #[error("the store's server ({place}) can't keep a journal: {why}")]
    Unfit {
        /// Where.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something else stands in the schema.
    #[error("schema `{schema}` is not a store of lockstep ({place}): {why}")]
    NotAStore {
        /// Where.
        place: String,
        /// The schema.
        schema: String,
        /// What is wrong with it.
        why: String,
    },
    /// A newer version of lockstep made it.
    #[error(
        "schema `{schema}` has version {found}, and this lockstep knows up to {known}: use the newer lockstep"
    )]
    Newer {
        /// The schema.
        schema: String,
        /// Its version.
        found: i64,
        /// The newest version that this code knows.
        known: i64,
    },
    /// The system gave no randomness for the new store's id and key.
    #[error("could not get randomness for a new store: {0}")]
    Randomness(getrandom::Error),
    /// The server failed.
    #[error("could not open the store ({place})")]
    Store {
        /// Where.
        place: String,
        /// Why.
        source: StoreError,
    },
}

impl Access {
    /// Reads a URL such as `postgres://role:password@host:5432/database?sslmode=verify-full`.
    ///
    /// `sslmode` is one of `disable`, `prefer` (where none is given), `require` and `verify-full`, which trusts the
    /// certificate authorities that browsers trust. A connection must belong to one client for its whole life: a pooler
    /// that lends it out by the transaction can't keep what is set for the session.
    pub fn new(url: &SecretString, schema: &str) -> Result<Self, ConnectError> {
        let (url, proof) = proof(url.expose_secret());
        // The parser ends the password at the first `@`, and would take what follows in it for the server's name.
        if url.split('?').next().is_some_and(|address| address.matches('@').count() > 1) {
            return Err(ConnectError::Url);
        }
        // The parser's own words may repeat a part of the URL, so they are dropped.
        let mut config: Config = url.parse().map_err(|_error| ConnectError::Url)?;
        let known = config.get_user().is_some() && config.get_dbname().is_some();
        if !known || config.get_hosts().is_empty() {
            return Err(ConnectError::Url);
        }
        // A socket of this machine needs no TLS, and has no name that a certificate could prove.
        let local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let clear = local || config.get_ssl_mode() == SslMode::Disable;
        let proof = match proof {
            Proof::Full if clear => return Err(ConnectError::Url),
            Proof::Full => {
                config.ssl_mode(SslMode::Require);
                Proof::Full
            }
            Proof::None | Proof::ClearText if clear => Proof::ClearText,
            Proof::None | Proof::ClearText => Proof::None,
        };
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives(true).keepalives_idle(IDLE).keepalives_interval(IDLE / 2);
        config.keepalives_retries(3).tcp_user_timeout(UNACKNOWLEDGED);
        if config.get_application_name().is_none() {
            config.application_name("lockstep");
        }
        if !is_name(schema) {
            return Err(ConnectError::Schema(schema.to_owned()));
        }
        let place = place(&config, schema);
        Ok(Self { config, proof, schema: schema.to_owned(), place })
    }

    /// Returns the server, database and schema, for people.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Access").field(&self.place).finish()
    }
}

/// Takes `verify-full` out of a URL, which the client's own parser does not know.
fn proof(url: &str) -> (String, Proof) {
    let Some((address, parameters)) = url.split_once('?') else {
        return (url.to_owned(), Proof::None);
    };
    let all = parameters.split('&');
    let rest: Vec<&str> = all.filter(|parameter| *parameter != "sslmode=verify-full").collect();
    let found = rest.len() < parameters.split('&').count();
    let url =
        if rest.is_empty() { address.to_owned() } else { format!("{address}?{}", rest.join("&")) };
    (url, if found { Proof::Full } else { Proof::None })
}

fn is_name(schema: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_NAME).contains(&schema.len())
        && schema.bytes().all(plain)
        && !schema.starts_with(|first: char| first.is_ascii_digit())
        && !schema.starts_with("pg_")
}

fn place(config: &Config, schema: &str) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = hosts.collect();
    let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
    let port = if ports.is_empty() { "5432".to_owned() } else { ports.join(",") };
    let database = config.get_dbname().unwrap_or_default();
    format!(
        "PostgreSQL at {} port {port}, database `{database}`, schema `{schema}`",
        hosts.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str, schema: &str) -> Result<Access, ConnectError> {
        Access::new(&SecretString::from(url), schema)
    }

    #[test]
    fn a_url_is_read_and_only_its_place_is_ever_told() {
        let url = "postgres://ada:s3cret%21@db.example:5433/upgrades?sslmode=require";
        let access = access(url, "lockstep").unwrap();
        let told = "PostgreSQL at db.example port 5433, database `upgrades`, schema `lockstep`";
        assert_eq!(access.place(), told);
        assert!(!format!("{access:?}").contains("s3cret"));
        assert_eq!((access.config.get_ssl_mode(), access.proof), (SslMode::Require, Proof::None));
    }

    #[test]
    fn verify_full_is_required_and_proven() {
        let url = "postgres://ada@db/upgrades?sslmode=verify-full&application_name=x";
        let access = access(url, "lockstep").unwrap();
        assert_eq!((access.config.get_ssl_mode(), access.proof), (SslMode::Require, Proof::Full));
        assert_eq!(access.config.get_application_name(), Some("x"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for wrong in [
            "",
            "s3cret",
            "http://ada:s3cret@db/upgrades",
            "postgres://ada:s3cret@db",
            "postgres://db/upgrades",
            "postgres://ada:s3cret@db/upgrades?s3cret=1",
            "postgres://ada:s3cret@db:port/upgrades",
            "postgres://ada:s3cret@db/upgrades?sslmode=verify",
            "postgres://ada:an@s3cret@db/upgrades",
        ] {
            let refused = access(wrong, "lockstep").unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("s3cret"), "{wrong}");
            assert!(matches!(refused, ConnectError::Url), "{wrong}");
        }
    }

    #[test]
    fn a_schema_has_a_plain_name() {
        let url = "postgres://ada@db/upgrades";
        for wrong in ["", "Lockstep", "a-b", "a\"b", "pg_x", "1a", "ä", &"a".repeat(64)] {
            assert!(matches!(access(url, wrong), Err(ConnectError::Schema(_))), "{wrong}");
        }
        assert!(access(url, "_team_2").is_ok());
    }
}
