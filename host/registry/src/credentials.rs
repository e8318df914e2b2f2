//! Who asks a registry: what `docker login` wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Docker's file is never larger.
const MOST_CONFIG: u64 = 1 << 20;

/// A user and a password for each registry, by its host.
#[derive(Clone, Default)]
pub struct Credentials {
    basic: BTreeMap<String, SecretString>,
    helped: BTreeSet<String>,
    tokens: BTreeSet<String>,
    helper: bool,
}

/// Credentials could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file could not be read.
    #[error("could not read the credentials in `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not docker's `config.json`. Its content is never repeated.
    #[error("`{path}` is not docker's configuration: wrong at line {line}, column {column}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// An entry is not a user and a password.
    #[error("`{path}` holds no usable user and password for `{host}`")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The registry.
        host: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct DockerAuth {
    auth: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    identitytoken: Option<SecretString>,
}

impl Credentials {
    /// Reads docker's `config.json`; without such a file there are no credentials.
    ///
    /// Programs that docker would ask for credentials (`credsStore`, `credHelpers`) are not started, and identity tokens not used.
    pub fn from_docker_config(path: &Path) -> Result<Self, CredentialsError> {
        let failed = |source| CredentialsError::Read { path: path.to_owned(), source };
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(MOST_CONFIG).read_to_end(&mut bytes).map_err(failed)?;
        let config: DockerConfig = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            CredentialsError::Format { path: path.to_owned(), line, column }
        })?;
        let mut credentials = Self {
            helped: config.cred_helpers.into_keys().map(|name| host(&name)).collect(),
            helper: config.creds_store.is_some_and(|store| !store.is_empty()),
            ..Self::default()
        };
        for (name, auth) in config.auths {
            let host = host(&name);
            if auth.identitytoken.is_some() {
                credentials.tokens.insert(host);
            } else if let Some(basic) = basic(&auth) {
                let wrong =
                    || CredentialsError::Entry { path: path.to_owned(), host: host.clone() };
                credentials.basic.insert(host.clone(), basic.map_err(|Unusable| wrong())?);
            }
        }
        Ok(credentials)
    }

    /// Adds a user and a password for the registry at `host`, in the place of those that are there.
    #[must_use]
    pub fn with(mut self, host: &str, user: &str, password: &SecretString) -> Self {
        self.basic.insert(host.to_owned(), joined(user, password));
        self
    }

    /// Returns the `authorization` header for the registry at `host`.
    pub(crate) fn header(&self, host: &str) -> Option<HeaderValue> {
        let basic = self.basic.get(host)?;
        let mut value = HeaderValue::from_str(&format!("Basic {}", basic.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Returns what there is to say about the credentials for `host` when it does not accept who asks.
    pub(crate) fn remark(&self, host: &str) -> &'static str {
        if self.basic.contains_key(host) {
            "the credentials that are configured were sent"
        } else if self.helper || self.helped.contains(host) {
            "docker's configuration names a credential helper for it, which Lockstep does not start"
        } else if self.tokens.contains(host) {
            "docker's configuration holds an identity token for it, which Lockstep can't use; log in with a password or an \
             access token"
        } else {
            "no credentials are configured for it"
        }
    }
}

struct Unusable;

/// Returns the base64 of `user:password`, or nothing where the entry is empty, as it is beside a helper.
fn basic(auth: &DockerAuth) -> Option<Result<SecretString, Unusable>> {
    if let Some(encoded) = auth.auth.as_ref().filter(|auth| !auth.expose_secret().is_empty()) {
        let Ok(decoded) = STANDARD.decode(encoded.expose_secret()) else {
            return Some(Err(Unusable));
        };
        // Docker pads what it stores with zero bytes.
        let end = decoded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let decoded = decoded.get(..end).unwrap_or_default();
        if !decoded.contains(&b':') {
            return Some(Err(Unusable));
        }
        return Some(Ok(STANDARD.encode(decoded).into()));
    }
    match (&auth.username, &auth.password) {
        (Some(user), Some(password)) => Some(Ok(joined(user, password))),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => Some(Err(Unusable)),
    }
}

fn joined(user: &str, password: &SecretString) -> SecretString {
    STANDARD.encode(format!("{user}:{}", password.expose_secret())).into()
}

/// Returns the host that an entry is for; some are written as addresses.
fn host(name: &str) -> String {
    let name =
        name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    let host = name.split('/').next().unwrap_or(name);
    // This is what `docker login` writes for Docker's own registry.
    if host == "index.docker.io" { "docker.io".to_owned() } else { host.to_owned() }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials for {:?}", self.basic.keys().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &str) -> Result<Credentials, CredentialsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), config).unwrap();
        Credentials::from_docker_config(file.path())
    }

    fn sent(credentials: &Credentials, host: &str) -> Option<String> {
        let header = credentials.header(host)?;
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
    }

    #[test]
    fn what_docker_login_wrote_is_found_by_the_host() {
        let padded = STANDARD.encode("ann:secret\0\0");
        let config = format!(
            r#"{{"auths":{{"ghcr.io":{{"auth":"{padded}"}},"https://index.docker.io/v1/":{{"username":"bob","password":"pw"}},
            "empty.example.com":{{}},"azure.example.com":{{"auth":"MDAwOg==","identitytoken":"x"}}}},"credHelpers":{{"gcr.io":"gcloud"}},"psFormat":"x"}}"#
        );
        let credentials = read(&config).unwrap();
        assert_eq!(sent(&credentials, "ghcr.io").as_deref(), Some("ann:secret"));
        assert_eq!(sent(&credentials, "docker.io").as_deref(), Some("bob:pw"));
        assert_eq!(sent(&credentials, "empty.example.com"), None);
        assert_eq!(sent(&credentials, "ghcr.io:444"), None);
        assert_eq!(sent(&credentials, "azure.example.com"), None);
        assert!(credentials.remark("azure.example.com").contains("identity token"));
        assert!(credentials.remark("gcr.io").contains("helper"));
        assert!(!format!("{credentials:?}").contains("secret"));
    }

    #[test]
    fn a_damaged_file_is_refused_and_never_repeated() {
        let error = read(r#"{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}"#).unwrap_err();
        assert!(matches!(error, CredentialsError::Format { .. }), "{error}");
        let error = read(r#"{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}}"#).unwrap_err();
        assert!(matches!(&error, CredentialsError::Entry { host, .. } if host == "ghcr.io"));
        assert!(!format!("{error:?}{error}").contains("aHVudGVyMg"), "{error:?}");
        let missing = Credentials::from_docker_config(Path::new("/nonexistent/config.json"));
        assert!(missing.unwrap().header("ghcr.io").is_none());
    }
}
