//! `lockstep.toml` as written. Every key that is not here is an error that names it.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_engine::model::Grantable;
use serde::{Deserialize, Serialize};

use super::canaries::CanariesDocument;
use super::endpoint::EndpointDocument;
use super::notify::NotifyDocument;
use super::staging::StagingDocument;
use super::store::StoreDocument;
use super::watches::WatchesDocument;
use super::windows::WindowDocument;
use crate::args::age;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;

/// The file's name.
pub(crate) const FILE: &str = "lockstep.toml";

/// The environment that is always there.
pub(crate) const LAB: &str = "lab";

/// The newest version of the format.
const VERSION: u32 = 1;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Document {
    /// The version of this format.
    pub(crate) version: u32,
    /// The environment that is meant when `-e` is not given.
    pub(crate) default_environment: Option<String>,
    /// The environments by name.
    #[serde(default)]
    pub(crate) environments: BTreeMap<String, EnvironmentDocument>,
    /// Where journals, leases, plans and plugin bytes are kept.
    #[serde(default)]
    pub(crate) store: StoreDocument,
    /// Where traces go.
    #[serde(default)]
    pub(crate) telemetry: TelemetryDocument,
    /// Plugins that are not bundled, by the component that they upgrade.
    #[serde(default)]
    pub(crate) plugins: BTreeMap<String, PluginDocument>,
}

/// Where traces go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TelemetryDocument {
    /// A collector that takes OTLP over HTTP.
    pub(crate) otlp: Option<String>,
}

/// A plugin that is not bundled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PluginDocument {
    /// Its file.
    pub(crate) path: std::path::PathBuf,
}

/// One deployed stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EnvironmentDocument {
    /// Railway's project id. Only the environment `lab` may leave it out, and then the lab of this folder is meant.
    #[serde(default)]
    pub(crate) project: String,
    /// Railway's environment id.
    #[serde(default)]
    pub(crate) environment: String,
    /// Where the token is; the lab knows its own.
    #[serde(default)]
    pub(crate) token: TokenDocument,
    /// Another GraphQL endpoint than Railway's.
    pub(crate) api: Option<String>,
    /// A registry that answers for every image.
    pub(crate) registry: Option<String>,
    /// How private services are reached.
    #[serde(default)]
    pub(crate) via: ViaDocument,
    /// How `ssh` is called.
    #[serde(default)]
    pub(crate) ssh: SshDocument,
    /// What to do when a step fails before the point of no return.
    #[serde(default)]
    pub(crate) on_failure: OnFailureDocument,
    /// When steps may begin; at any time where there are none.
    #[serde(default)]
    pub(crate) windows: Vec<WindowDocument>,
    /// Where an upgrade is done first.
    pub(crate) staging: Option<StagingDocument>,
    /// What is watched beside a run.
    #[serde(default)]
    pub(crate) watches: WatchesDocument,
    /// What is written beside a run, to count what it costs.
    #[serde(default)]
    pub(crate) canaries: CanariesDocument,
    /// Who is told how a run came to stand.
    #[serde(default)]
    pub(crate) notify: Vec<NotifyDocument>,
    /// Databases and Redis servers, beside those of the nine services.
    #[serde(default)]
    pub(crate) connections: BTreeMap<String, ConnectionDocument>,
    /// HTTP endpoints, beside those of the nine services.
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, EndpointDocument>,
    /// Options by plugin.
    #[serde(default)]
    pub(crate) options: BTreeMap<String, BTreeMap<String, String>>,
    /// Whose signatures count, by the name that the lock file gives them: a public key in PEM, or the path of its file.
    #[serde(default)]
    pub(crate) signers: BTreeMap<String, String>,
    /// Whether a plugin that is not bundled runs only with a signature of one of them.
    #[serde(default)]
    pub(crate) require_signature: bool,
    /// The least age of what is added: `7d`.
    pub(crate) exclude_newer: Option<String>,
    /// What each plugin may do; a bundled plugin without an entry may do what it asks for.
    #[serde(default)]
    pub(crate) grants: BTreeMap<String, Vec<Grantable>>,
}

/// Where a Railway token is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TokenDocument {
    /// The variable of Lockstep's own environment that holds it.
    pub(crate) variable: String,
    /// Which kind it is.
    #[serde(default)]
    pub(crate) kind: TokenKindDocument,
}

impl Default for TokenDocument {
    fn default() -> Self {
        Self { variable: "RAILWAY_TOKEN".to_owned(), kind: TokenKindDocument::Project }
    }
}

/// Which kind of token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TokenKindDocument {
    /// Of one environment.
    #[default]
    Project,
    /// Of an account or workspace.
    Account,
}

/// How private services are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ViaDocument {
    /// Lockstep runs inside the environment.
    Private,
    /// Through a tunnel.
    #[default]
    Ssh,
    /// Through a TCP proxy that exists.
    TcpProxy,
    /// Through a TCP proxy that exists, in clear text where the server knows no TLS.
    TcpProxyInClearText,
}

/// What to do when a step fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailureDocument {
    /// Roll back.
    #[default]
    Rollback,
    /// Stop and ask.
    Stop,
}

/// How `ssh` is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SshDocument {
    /// The program.
    pub(crate) program: Option<std::path::PathBuf>,
    /// The host.
    pub(crate) host: Option<String>,
    /// Its port.
    pub(crate) port: Option<u16>,
    /// The user.
    pub(crate) user: Option<String>,
    /// The private key.
    pub(crate) identity: Option<std::path::PathBuf>,
    /// The file of known hosts.
    pub(crate) known_hosts: Option<std::path::PathBuf>,
}

/// One database or Redis server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ConnectionDocument {
    /// What speaks there.
    pub(crate) kind: ConnectionKindDocument,
    /// The service that runs it.
    pub(crate) service: String,
    /// Services that run other nodes of the same cluster; the one that is the primary is used.
    #[serde(default)]
    pub(crate) nodes: Vec<String>,
    /// Its port.
    pub(crate) port: u16,
    /// The variable of that service that holds its password or URL.
    pub(crate) variable: String,
    /// The user, where the variable holds a password alone.
    pub(crate) user: Option<String>,
    /// The database, where the variable holds a password alone.
    pub(crate) database: Option<String>,
    /// The master's name, for Sentinel.
    pub(crate) master: Option<String>,
    /// Another way than the environment's.
    pub(crate) via: Option<ViaDocument>,
}

/// What speaks at a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConnectionKindDocument {
    /// PostgreSQL.
    Postgres,
    /// One Redis server.
    Redis,
    /// Sentinels.
    RedisSentinel,
}

impl EnvironmentDocument {
    /// Returns whether the lab of this folder is meant, wherever that is.
    pub(crate) fn is_this_lab(&self, name: &str) -> bool {
        name == LAB && self.project.is_empty() && self.environment.is_empty()
    }

    /// Returns what is missing, or is there and would not be heeded.
    fn problem(&self, name: &str) -> Option<String> {
        if !self.is_this_lab(name) {
            let ids = [(&self.project, "project"), (&self.environment, "environment")];
            let missing = ids.into_iter().find(|(id, _)| id.is_empty());
            if let Some((_, key)) = missing {
                return Some(format!("names no `{key}`"));
            }
        }
        if let Some(wrong) = self.exclude_newer.as_deref().and_then(|text| age(text).err()) {
            return Some(format!("has an `exclude-newer` that says nothing: {wrong}"));
        }
        if self.require_signature && self.signers.is_empty() {
            return Some("has `require-signature` and names no `signers`".to_owned());
        }
        let windows = self.windows.iter().find_map(WindowDocument::problem);
        let notify = || self.notify.iter().find_map(NotifyDocument::problem);
        if let Some(problem) = windows.or_else(|| self.watches.problem()).or_else(notify) {
            return Some(problem);
        }
        if !self.is_this_lab(name) {
            return None;
        }
        let given = [
            (self.token != TokenDocument::default(), "`token`"),
            (self.api.is_some(), "`api`"),
            (self.registry.is_some(), "`registry`"),
            (self.via != ViaDocument::default(), "`via`"),
            (self.ssh != SshDocument::default(), "`ssh`"),
        ];
        let known = given.into_iter().find(|(given, _)| *given);
        known.map(|(_, key)| format!("has {key}, which this folder's lab knows by itself"))
    }
}

impl Document {
    /// Reads the file of `folder`; none when there is none.
    ///
    /// # Errors
    /// It can't be read, or says something that this version does not know.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, CliError> {
        let path = folder.join(FILE);
        // Reading a pipe would wait for somebody to write into it.
        if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let words = format!("`{}` is not a file", path.display());
            return Err(CliError::words(Exit::Usage, words));
        }
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let error = anyhow::Error::new(error)
                    .context(format!("could not read `{}`", path.display()));
                return Err(CliError::new(Exit::Usage, error));
            }
        };
        let document: Self = toml::from_str(&text)
            .map_err(|error| {
                anyhow::Error::new(error).context(format!("`{}` is malformed", path.display()))
            })
            .or_exit(Exit::Usage)
            .map_err(|error| {
                error.hint("README.md shows one example for each key of lockstep.toml")
            })?;
        if document.version != VERSION {
            let words = format!(
                "`{}` has version {}, and this lockstep reads version {VERSION}",
                path.display(),
                document.version
            );
            return Err(CliError::words(Exit::Usage, words)
                .hint("README.md shows one example for each key of lockstep.toml"));
        }
        let known = |name: &str| name == LAB || document.environments.contains_key(name);
        for (name, environment) in &document.environments {
            let staging = environment.staging.as_ref().and_then(|it| it.problem(name, known));
            if let Some(problem) = environment.problem(name).or(staging) {
                let words = format!("`{}`: environment `{name}` {problem}", path.display());
                return Err(CliError::words(Exit::Usage, words)
                    .hint("README.md shows one example for each key of lockstep.toml"));
            }
        }
        Ok(Some(document))
    }
}
