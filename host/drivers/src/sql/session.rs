//! Sessions: opening them on the primary, and what their errors mean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lockstep_engine::model::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::effect::Prepared;
use super::job::Job;
use super::snapshots::Snapshots;
use super::tools::Tools;
use crate::railway::Railway;
use crate::secrets::Redactor;
use crate::settings::{Connection, ConnectionKind};
use crate::tls;
use crate::via::{Address, Reach, Target, Tls};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The databases of an environment.
pub(crate) struct Databases {
    pub(super) railway: Arc<Railway>,
    pub(super) reach: Arc<Reach>,
    pub(super) redactor: Redactor,
    pub(super) connections: BTreeMap<String, Connection>,
    pub(super) reads: Mutex<BTreeMap<String, Arc<Mutex<Session>>>>,
    pub(super) prepared: Mutex<BTreeMap<String, Prepared>>,
    /// Sessions that block writes, by how they call themselves.
    pub(super) holds: Mutex<BTreeMap<String, Session>>,
    /// Sessions that keep both databases to be compared as they stood, by how they call themselves.
    pub(super) snapshots: Mutex<BTreeMap<String, Snapshots>>,
    /// Work that goes on, by the markers of its effects.
    pub(super) jobs: std::sync::Mutex<BTreeMap<String, Job>>,
    /// The node of each cluster that led when it was looked for last.
    leading: Mutex<BTreeMap<String, String>>,
    pub(super) tools: Tools,
}

/// What a session makes of a database that takes no writes by its own default.
#[derive(Clone, Copy)]
enum Seal {
    /// It takes none from this session either.
    Heeded,
    /// A database that is sealed against its writers is not sealed against us.
    Ignored,
}

/// An open session. Dropping it ends it.
pub(crate) struct Session {
    pub(super) client: Client,
    task: JoinHandle<()>,
    _address: Address,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Databases {
    pub(crate) fn new(
        railway: Arc<Railway>,
        reach: Arc<Reach>,
        redactor: Redactor,
        connections: BTreeMap<String, Connection>,
        tools: Tools,
    ) -> Self {
        Self {
            railway,
            reach,
            redactor,
            connections,
            tools,
            reads: Mutex::default(),
            prepared: Mutex::default(),
            holds: Mutex::default(),
            snapshots: Mutex::default(),
            jobs: std::sync::Mutex::default(),
            leading: Mutex::default(),
        }
    }

    /// Opens a session that calls itself `called`, and proves that its server is a primary.
    pub(super) async fn open(&self, name: &str, called: &str) -> Result<Session, Failure> {
        let connection = self.named(name)?;
        let led = self.leading.lock().await.get(name).cloned();
        let mut candidates: Vec<&str> = connection.candidates().collect();
        candidates.sort_by_key(|service| led.as_deref() != Some(*service));
        let mut last = None;
        for service in candidates {
            match self.open_node(name, &connection.at(service), called).await {
                Ok(session) => {
                    if !connection.nodes.is_empty() {
                        self.leading.lock().await.insert(name.to_owned(), service.to_owned());
                    }
                    return Ok(session);
                }
                // Of several nodes the one that would lead says best why none does.
                Err(failure) if last.is_none() || failure.problem().code != "sql:standby" => {
                    last = Some(failure);
                }
                Err(_) => {}
            }
        }
        let nowhere = || Failure::permanent("sql:no-connection", "a connection names no service");
        Err(last.unwrap_or_else(nowhere))
    }

    async fn open_node(
        &self,
        name: &str,
        connection: &Connection,
        called: &str,
    ) -> Result<Session, Failure> {
        let opened = self.resolve_and_dial(name, connection, called, Seal::Ignored).await;
        let session = match opened {
            // What was known of the address may be old, so the next attempt asks again; a wrong password is asked for now.
            Err(failure) => {
                self.railway.forget_addresses().await;
                if failure.problem().code != "sql:28P01" {
                    return Err(failure);
                }
                self.resolve_and_dial(name, connection, called, Seal::Ignored).await?
            }
            Ok(session) => session,
        };
        let recovering = session
            .client
            .query_one("SELECT pg_catalog.pg_is_in_recovery()", &[])
            .await
            .and_then(|row| row.try_get::<_, bool>(0))
            .map_err(|error| self.redactor.failure(failure(name, &error)))?;
        if recovering {
            let text = format!(
                "connection `{name}` leads to a standby, which is not where things are decided"
            );
            return Err(Failure::transient("sql:standby", text));
        }
        Ok(session)
    }

    /// Opens a session where the connection was found last, without looking anew where that is or what is there. It may do there
    /// what a client may.
    pub(super) async fn dial_as_client(
        &self,
        name: &str,
        called: &str,
    ) -> Result<Session, Failure> {
        let connection = self.named(name)?;
        match self.leading.lock().await.get(name).cloned() {
            Some(service) => {
                let connection = connection.at(&service);
                self.resolve_and_dial(name, &connection, called, Seal::Heeded).await
            }
            None => self.resolve_and_dial(name, connection, called, Seal::Heeded).await,
        }
    }

    fn named(&self, name: &str) -> Result<&Connection, Failure> {
        let found = self.connections.get(name).filter(|one| one.kind == ConnectionKind::Postgres);
        found.ok_or_else(|| {
            Failure::permanent(
                "sql:no-connection",
                format!("`{name}` is no connection to PostgreSQL"),
            )
        })
    }

    /// Returns everything that a program of PostgreSQL's own needs to dial the connection's primary.
    pub(super) async fn dialled_by_programs(&self, name: &str) -> Result<Target, Failure> {
        // Opening finds out which node leads.
        drop(self.open(name, "lockstep:look").await?);
        let connection = self.named(name)?;
        let led = self.leading.lock().await.get(name).cloned();
        let connection = connection.at(led.as_deref().unwrap_or(&connection.service));
        Target::resolve(&self.railway, &self.reach, &connection).await
    }

    async fn resolve_and_dial(
        &self,
        name: &str,
        connection: &Connection,
        called: &str,
        seal: Seal,
    ) -> Result<Session, Failure> {
        let target = Target::resolve(&self.railway, &self.reach, connection).await?;
        dial(name, &target, called, seal).await.map_err(|failure| self.redactor.failure(failure))
    }
}

async fn dial(name: &str, target: &Target, called: &str, seal: Seal) -> Result<Session, Failure> {
    let mut config = Config::new();
    config.host(&target.address.host).port(target.address.port).connect_timeout(CONNECT);
    config.user(target.user.as_deref().unwrap_or("postgres"));
    config.application_name(self::called(called));
    match seal {
        Seal::Heeded => {}
        Seal::Ignored => {
            config.options("-c default_transaction_read_only=off");
        }
    }
    if let Some(database) = &target.database {
        config.dbname(database);
    }
    if let Some(password) = &target.password {
        config.password(password.expose_secret());
    }
    tracing::debug!(connection = name, "dialling PostgreSQL");
    if target.tls == Tls::Disable {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| failure(name, &error))?;
        return Ok(session(client, connection, target));
    }
    config.ssl_mode(if target.tls == Tls::Prefer { SslMode::Prefer } else { SslMode::Require });
    let mut tls = tls::client_config().map_err(|error| {
        Failure::permanent(
            "sql:tls",
            format!("could not set up TLS for connection `{name}`: {error}"),
        )
    })?;
    if target.tls != Tls::Verify {
        tls.dangerous().set_certificate_verifier(Arc::new(AnyServer(ring::default_provider())));
    }
    let (client, connection) =
        config.connect(MakeRustlsConnect::new(tls)).await.map_err(|error| failure(name, &error))?;
    Ok(session(client, connection, target))
}

fn session<S, T>(
    client: Client,
    connection: tokio_postgres::Connection<S, T>,
    target: &Target,
) -> Session
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let run = async {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a PostgreSQL session ended");
        }
    };
    Session { client, task: tokio::spawn(run), _address: target.address.clone() }
}

/// Returns a session's name as the server keeps it.
pub(super) fn called(name: &str) -> String {
    name.chars().take(63).collect()
}

/// Returns an error in the contract's words; the server's own code becomes part of ours.
pub(super) fn failure(name: &str, error: &tokio_postgres::Error) -> Failure {
    let Some(answer) = error.as_db_error() else {
        let text = crate::railway::chain(error);
        return Failure::transient("sql:connection", format!("connection `{name}` failed: {text}"));
    };
    let code = answer.code().code();
    let text = format!("connection `{name}` answered: {}", answer.message());
    let class: String = code.chars().take(2).collect();
    // Connections, resources, locks, shutdowns and conflicts pass; everything else stays.
    let passing =
        ["08", "40", "53", "57"].contains(&class.as_str()) || code == "55P03" || code == "55006";
    let code = format!("sql:{code}");
    if passing { Failure::transient(&code, text) } else { Failure::permanent(&code, text) }
}

/// Takes any certificate, as libpq does for `prefer` and `require`: the bytes are encrypted, and who the server is, the
/// password exchange proves.
#[derive(Debug)]
struct AnyServer(CryptoProvider);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
