//! The world as the engine sees it.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use lockstep_engine::model::{Failure, Read, Reading};
use secrecy::ExposeSecret as _;

use crate::canary::Canaries;
use crate::compose::Composer;
use crate::http::Endpoints;
use crate::railway::{Railway, Registry};
use crate::redis::Servers;
use crate::secrets::Redactor;
use crate::settings::{Now, Settings};
use crate::sql::{Databases, Tools};
use crate::via::Reach;

/// How many services are asked for their variables at the same time. Railway allows ten requests a second at the least.
const AT_ONCE: usize = 5;

/// Why the drivers could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The token holds what no header may hold.
    #[error("the Railway token can not be sent in a header")]
    Token(#[source] reqwest::header::InvalidHeaderValue),
    /// TLS could not be set up.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
    /// An HTTP client could not be set up.
    #[error("could not set up an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The environment's secrets could not be learned, so nothing could be kept from leaking.
    #[error("could not read the environment's variables: {0}")]
    Secrets(Failure),
}

/// One environment: Railway, its databases, Redis servers and HTTP endpoints.
pub struct Drivers {
    pub(crate) railway: Arc<Railway>,
    registry: Registry,
    pub(crate) redis: Servers,
    pub(crate) sql: Arc<Databases>,
    pub(crate) http: Endpoints,
    pub(crate) composer: Composer,
    pub(crate) redactor: Redactor,
    pub(crate) canaries: Canaries,
    pub(crate) now: Now,
}

impl Drivers {
    /// Opens the environment and learns its secrets. Connections are opened when they are first used.
    ///
    /// # Errors
    /// The token or TLS is unusable, or the environment's variables could not be read.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let redactor = Redactor::default();
        redactor
            .learn([("the Railway token".to_owned(), settings.token.expose_secret().to_owned())]);
        let named = settings.secrets.iter();
        redactor.learn(named.map(|(name, secret)| {
            (format!("secret `{name}`"), secret.value.expose_secret().to_owned())
        }));
        let railway = Arc::new(Railway::new(&settings, redactor.clone())?);
        let estate = railway.estate().await.map_err(OpenError::Secrets)?;
        let rendered = estate.instances.iter().map(|instance| railway.rendered(instance));
        let mut rendered = stream::iter(rendered).buffer_unordered(AT_ONCE);
        while let Some(learnt) = rendered.next().await {
            learnt.map_err(OpenError::Secrets)?;
        }
        drop(rendered);
        let reach = Arc::new(Reach::new(railway.clone(), settings.ssh.clone()));
        let Settings {
            connections, endpoints, secrets, fingerprint_key, now, client_programs, ..
        } = settings.clone();
        Ok(Self {
            registry: Registry::new(&settings)?,
            redis: Servers::new(
                railway.clone(),
                reach.clone(),
                redactor.clone(),
                connections.clone(),
                fingerprint_key,
            ),
            sql: Arc::new(Databases::new(
                railway.clone(),
                reach.clone(),
                redactor.clone(),
                connections.clone(),
                Tools::in_folders(client_programs),
            )),
            http: Endpoints::new(railway.clone(), reach.clone(), redactor.clone(), endpoints)?,
            composer: Composer::new(railway.clone(), reach, redactor.clone(), secrets, connections),
            railway,
            redactor,
            canaries: Canaries::default(),
            now,
        })
    }

    /// Returns what takes known secrets out of text, for whatever else is shown or written.
    pub fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }

    /// Returns where secrets are kept that are too short to be searched for.
    pub fn weak_secrets(&self) -> Vec<String> {
        self.redactor.weak_secrets()
    }

    pub(crate) async fn answer(&self, read: &Read) -> Result<Reading, Failure> {
        if let Some(answer) = self.railway.answer(read).await {
            return answer;
        }
        match read {
            Read::Published(image) => self.registry.published(image).await.map(Reading::Published),
            Read::Redis(connection, words) => {
                self.redis.command(connection, words).await.map(Reading::Redis)
            }
            Read::Keyspace(connection, sample, content) => {
                self.redis.keyspace(connection, *sample, *content).await.map(Reading::Keyspace)
            }
            Read::Sql(connection, statement, parameters) => {
                self.sql.query(connection, statement, parameters).await.map(Reading::Sql)
            }
            Read::Http(method, request) => {
                self.http.read(*method, request).await.map(Reading::Http)
            }
            Read::Services
            | Read::Variables(_)
            | Read::Destination(..)
            | Read::Deployments(..)
            | Read::Deployment(_)
            | Read::Logs(..)
            | Read::Traffic(..)
            | Read::Backups(_)
            | Read::Staged
            | Read::Template(_) => {
                Err(Failure::permanent("railway:kind", "the read was not answered"))
            }
        }
    }
}
