//! Putting text together from pieces, each piece only where it may go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use lockstep_engine::model::{Failure, Peer, Piece, ServiceRef, Value};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use crate::order::Order;
use crate::railway::{Railway, spoken};
use crate::secrets::{Redactor, looks_secret};
use crate::settings::{Connection, OperatorSecret, Place};
use crate::via::{Reach, conninfo};

/// Where composed text goes.
#[derive(Clone, Copy)]
pub(crate) enum Spot<'a> {
    /// A variable.
    Variable { service: &'a str, name: &'a str },
    /// A header or the body of a request.
    Endpoint(&'a str),
    /// The path of a request. No secret goes there: paths are logged.
    Path,
    /// A statement of an effect; what is put in becomes a quoted literal.
    Sql(&'a str),
    /// A word of a Redis command, and whether that command takes a credential.
    Redis { connection: &'a str, credential: bool },
}

/// Puts text together.
pub(crate) struct Composer {
    pub(crate) railway: Arc<Railway>,
    pub(crate) reach: Arc<Reach>,
    pub(crate) redactor: Redactor,
    pub(crate) secrets: BTreeMap<String, OperatorSecret>,
    pub(crate) connections: BTreeMap<String, Connection>,
    /// Secrets that effects of this process captured, by handle.
    sealed: Mutex<BTreeMap<String, SecretString>>,
}

/// A piece's text, and whether it is secret.
struct Part {
    text: String,
    secret: bool,
}

impl Composer {
    pub(crate) fn new(
        railway: Arc<Railway>,
        reach: Arc<Reach>,
        redactor: Redactor,
        secrets: BTreeMap<String, OperatorSecret>,
        connections: BTreeMap<String, Connection>,
    ) -> Self {
        Self { railway, reach, redactor, secrets, connections, sealed: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the services that run what is behind each connection.
    pub(crate) fn served_by(&self) -> BTreeMap<String, Vec<String>> {
        let services =
            |connection: &Connection| connection.candidates().map(str::to_owned).collect();
        self.connections.iter().map(|(name, it)| (name.clone(), services(it))).collect()
    }

    /// Keeps captured secrets until this process ends, and searches for them from now on.
    pub(crate) fn seal(&self, values: Vec<(String, String)>) {
        let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        for (handle, value) in values {
            self.redactor.learn([(handle.clone(), value.clone())]);
            sealed.insert(handle, SecretString::from(value));
        }
    }

    /// Puts `pieces` together for `spot`.
    pub(crate) async fn compose(
        &self,
        order: &Order<'_>,
        pieces: &[Piece],
        spot: Spot<'_>,
    ) -> Result<String, Failure> {
        let mut text = String::new();
        for piece in pieces {
            let literal = matches!(piece, Piece::Text(_));
            let part = self.part(order, piece, spot).await?;
            let secret_fits = match spot {
                Spot::Variable { .. } | Spot::Endpoint(_) | Spot::Sql(_) => true,
                Spot::Redis { credential, .. } => credential,
                Spot::Path => false,
            };
            if part.secret && !secret_fits {
                return Err(Failure::denied(
                    "secret:place",
                    "a secret may not go into a path, or into a command that keeps it readable",
                ));
            }
            match spot {
                Spot::Sql(_) if !literal => text.push_str(&quoted(&part.text)),
                Spot::Path if !literal => {
                    text.extend(utf8_percent_encode(&part.text, NON_ALPHANUMERIC));
                }
                Spot::Variable { .. }
                | Spot::Endpoint(_)
                | Spot::Path
                | Spot::Sql(_)
                | Spot::Redis { .. } => {
                    text.push_str(&part.text);
                }
            }
        }
        Ok(text)
    }

    async fn part(
        &self,
        order: &Order<'_>,
        piece: &Piece,
        spot: Spot<'_>,
    ) -> Result<Part, Failure> {
        Ok(match piece {
            Piece::Text(text) => Part { text: text.clone(), secret: false },
            Piece::Secret(name) => Part { text: self.secret(name, spot)?, secret: true },
            Piece::Conninfo(peer) => Part { text: self.conninfo(peer).await?, secret: true },
            Piece::Reference(service, name) => self.reference(order, service, name, spot).await?,
            Piece::Argument(name) => match (order.argument(name), spot) {
                (_, Spot::Sql(_)) => {
                    return Err(Failure::denied(
                        "sql:argument",
                        "an argument is bound to a statement, not put into it",
                    ));
                }
                (None, _) => {
                    return Err(Failure::permanent(
                        "effect:argument",
                        format!("argument `{name}` is missing"),
                    ));
                }
                (Some(value), _) => self.argument(value)?,
            },
        })
    }

    fn secret(&self, name: &str, spot: Spot<'_>) -> Result<String, Failure> {
        let secret = self.secrets.get(name).ok_or_else(|| {
            Failure::denied("secret:unknown", format!("the configuration names no secret `{name}`"))
        })?;
        let fits = |place: &Place| match (place, spot) {
            (Place::Variable { service, name }, Spot::Variable { service: to, name: variable }) => {
                service == to && name == variable
            }
            (Place::Endpoint(endpoint), Spot::Endpoint(to)) => endpoint == to,
            (Place::Sql(connection), Spot::Sql(to))
            | (Place::Redis(connection), Spot::Redis { connection: to, credential: true }) => {
                connection == to
            }
            (Place::Variable { .. } | Place::Endpoint(_) | Place::Sql(_) | Place::Redis(_), _) => {
                false
            }
        };
        if secret.places.iter().any(fits) {
            return Ok(secret.value.expose_secret().to_owned());
        }
        Err(Failure::denied(
            "secret:place",
            format!("secret `{name}` may not go here: the configuration names its places"),
        ))
    }

    async fn conninfo(&self, peer: &Peer) -> Result<String, Failure> {
        let connection = self.connections.get(&peer.connection).ok_or_else(|| {
            Failure::permanent(
                "via:no-connection",
                format!("the configuration names no connection `{}`", peer.connection),
            )
        })?;
        let text = conninfo(&self.railway, &self.reach, connection).await?;
        tracing::debug!(
            connection = peer.connection,
            seen_by = spoken(&peer.seen_by),
            "composed an address"
        );
        self.redactor.learn_variable(&connection.service, "DATABASE_URL", &text);
        Ok(text)
    }

    /// A variable keeps a reference as it is; everywhere else the host puts in what it renders to.
    async fn reference(
        &self,
        order: &Order<'_>,
        service: &ServiceRef,
        name: &str,
        spot: Spot<'_>,
    ) -> Result<Part, Failure> {
        let instance = match service {
            ServiceRef::Named(_) => self.railway.named(service).await?.instance,
            ServiceRef::Made(alias) => {
                let estate = self.railway.estate().await?;
                self.railway.made(&estate, alias, order.run_prefix()).await?
            }
        };
        if matches!(spot, Spot::Variable { .. }) {
            return Ok(Part {
                text: ["${{", &instance.service_name, ".", name, "}}"].concat(),
                secret: false,
            });
        }
        let rendered = self.railway.rendered(&instance).await?;
        let value = rendered.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            Failure::permanent(
                "railway:no-variable",
                format!(
                    "variable `{name}` of service `{}` renders to nothing",
                    instance.service_name
                ),
            )
        })?;
        Ok(Part { text: value.clone(), secret: looks_secret(name, value) })
    }

    fn argument(&self, value: &Value) -> Result<Part, Failure> {
        let text = match value {
            Value::Null => String::new(),
            Value::Boolean(truth) => truth.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Decimal(text) | Value::Text(text) | Value::Other(_, text) => text.clone(),
            Value::Bytes(bytes) => match String::from_utf8(bytes.0.clone()) {
                Ok(text) => text,
                Err(error) => {
                    return Err(Failure::permanent(
                        "effect:argument",
                        format!("an argument's bytes are no text: {error}"),
                    ));
                }
            },
            Value::Moment(moment) => moment.0.to_string(),
            Value::Sealed(handle) => {
                let sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(secret) = sealed.get(handle) else {
                    let text =
                        format!("the secret `{handle}` was captured by a process that is gone");
                    return Err(Failure::permanent("secret:gone", text));
                };
                return Ok(Part { text: secret.expose_secret().to_owned(), secret: true });
            }
        };
        Ok(Part { text, secret: false })
    }
}

/// Returns `text` as a literal that means the same whatever the server's settings are.
fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_can_not_end_before_its_end() {
        assert_eq!(quoted("a'b"), "'a''b'");
        assert_eq!(quoted("a\\' OR 1"), " E'a\\\\'' OR 1'");
    }
}
