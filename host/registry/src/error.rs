//! Why a plugin could not be fetched, kept or published.

use std::io;
use std::path::PathBuf;

use lockstep_engine::model::Digest;

use crate::signature::SignError;

/// A plugin could not be fetched, kept or published.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The cache's folder could not be used.
    #[error("could not use the cache of plugins at `{path}`")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others may write into the cache's folder, or it belongs to somebody else.
    #[error("the cache of plugins at `{path}` is not this user's alone")]
    Exposed {
        /// The folder.
        path: PathBuf,
    },
    /// A cached file is not what its name says, and nothing may be fetched in its stead.
    #[error("the cached plugin {digest} was changed; it was moved to `{moved}`")]
    Corrupt {
        /// What it should have been.
        digest: Digest,
        /// Where it is now.
        moved: PathBuf,
    },
    /// The connections to the outside could not be made ready.
    #[error("could not make connections ready: {0}")]
    Client(String),
    /// The source is the program itself.
    #[error("a bundled plugin is part of the program and comes from nowhere else")]
    Bundled,
    /// A file could not be read.
    #[error("could not read `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not in the cache, and nothing may be asked.
    #[error("`{what}` is not in the cache, and this machine is told to be offline")]
    Offline {
        /// The source or the digest.
        what: String,
    },
    /// The source no longer has the bytes.
    #[error("`{from}` no longer has {wanted}: it has {found} now")]
    Moved {
        /// The source.
        from: String,
        /// What was wanted.
        wanted: Digest,
        /// What is there.
        found: Digest,
    },
    /// The other side did not answer, or not as it must.
    #[error("could not fetch {what} from `{host}`")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Who was asked.
        host: String,
        /// What went wrong.
        #[source]
        fault: Fault,
    },
    /// The other side did not take what was published.
    #[error("could not publish {what} to `{host}`")]
    Publish {
        /// What was sent.
        what: String,
        /// Who was to take it.
        host: String,
        /// What went wrong.
        #[source]
        fault: Fault,
    },
    /// The bytes that were to be published are not a component.
    #[error("what is to be published is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// What is published needs a tag by which it is found.
    #[error("`{0}` names a manifest by its digest, so nothing can be published there")]
    NoTag(String),
    /// An annotation is Lockstep's own.
    #[error("annotation `{0}` is set by Lockstep")]
    Annotation(String),
    /// What was published could not be signed.
    #[error("could not sign what was published")]
    Sign(#[source] Signing),
}

/// Why signing failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Signing(pub(crate) SignError);

/// What went wrong between Lockstep and a server.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It could not be reached.
    #[error("it could not be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the answer did not end within {seconds} s")]
    Timeout {
        /// The bound.
        seconds: u64,
    },
    /// The answer broke off.
    #[error("the answer broke off after {received} bytes: {why}")]
    Truncated {
        /// How much came.
        received: u64,
        /// What the connection said.
        why: String,
    },
    /// It wants to know who asks, or does not know who asks.
    #[error("it does not accept who asks (401): {0}")]
    Unauthorized(String),
    /// It knows who asks and refuses.
    #[error("it refuses access (403): {0}")]
    Forbidden(String),
    /// It has no such thing.
    #[error("it has no such thing (404): {0}")]
    NotFound(String),
    /// It was asked too often.
    #[error("it was asked too often (429); it says to wait for {}", .retry_after.as_deref().unwrap_or("a while"))]
    TooMany {
        /// How long to wait, as it says.
        retry_after: Option<String>,
    },
    /// It answered with another status than it must.
    #[error("it answered with status {status}: {message}")]
    Status {
        /// The status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// It sends elsewhere, where Lockstep does not follow.
    #[error("it redirects to `{to}`, {why}")]
    Redirect {
        /// The scheme and host.
        to: String,
        /// Why that is not followed.
        why: &'static str,
    },
    /// There is more than may come.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: u64,
    },
    /// The bytes are not those that were asked for.
    #[error("the bytes do not match: expected {expected}, got {found}")]
    Mismatch {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// There are more or fewer bytes than the manifest says.
    #[error("the manifest says {expected} bytes, and {found} came")]
    Length {
        /// What the manifest says.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// It is something else than a WebAssembly artifact.
    #[error("{what} is `{found}`, expected `{needed}`")]
    Type {
        /// Which part.
        what: &'static str,
        /// Its media type.
        found: String,
        /// The one that is needed.
        needed: &'static str,
    },
    /// The answer could not be read.
    #[error("the answer could not be read: {0}")]
    Malformed(String),
}

impl RegistryError {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Cache { path, .. } => {
                format!("make `{}` readable and writable for this user, or free space there", path.display())
            }
            Self::Exposed { path } => format!(
                "delete `{}` and let Lockstep make it again, or name another folder",
                path.display()
            ),
            Self::Corrupt { .. } => {
                "run the command online once, and find out who changed the file".to_owned()
            }
            Self::Client(_) => "report this as a bug of Lockstep".to_owned(),
            Self::Bundled => "leave out its source to use the bundled plugin".to_owned(),
            Self::File { .. } => "check the path and its permissions".to_owned(),
            Self::Offline { .. } => "run the command once without `--offline`".to_owned(),
            Self::Moved { .. } => {
                "find out from the publisher why it changed; `lockstep plugin update` shows what is there now".to_owned()
            }
            Self::Fetch { host, fault, .. } | Self::Publish { host, fault, .. } => fault.hint(host),
            Self::NotAComponent(_) => "publish what `lockstep plugin build` made".to_owned(),
            Self::NoTag(_) => "name a tag: `oci://HOST/REPOSITORY:TAG`".to_owned(),
            Self::Annotation(_) => "leave it out".to_owned(),
            Self::Sign(_) => "publish it again".to_owned(),
        }
    }
}

impl Fault {
    fn hint(&self, host: &str) -> String {
        match self {
            Self::Unreachable(_) => {
                format!("check that `{host}` is right and can be reached from here")
            }
            Self::Timeout { .. } | Self::Truncated { .. } => {
                "try again; if it happens again, the server or the line to it is at fault".to_owned()
            }
            Self::Unauthorized(_) => format!(
                "log in with `docker login {host}` so that the credentials stand in docker's `config.json`; \
                 credential helpers are not asked"
            ),
            Self::Forbidden(_) => {
                format!("ask the owner of the repository at `{host}` for the right to do this")
            }
            Self::NotFound(_) => {
                "check the address, the repository and the tag; some registries say this too to whoever is not logged in"
                    .to_owned()
            }
            Self::TooMany { .. } => {
                "wait, then try again; logged-in users are often allowed more".to_owned()
            }
            Self::Status { .. } | Self::Malformed(_) => {
                format!("check that `{host}` is what it should be, and ask who runs it")
            }
            Self::Redirect { .. } => "name the address that it leads to, if that is trusted".to_owned(),
            Self::TooLarge { .. } => {
                "check that it is a plugin; build it in release mode and without debug information".to_owned()
            }
            Self::Mismatch { .. } | Self::Length { .. } => format!(
                "don't use it: `{host}` or somebody on the way changed the bytes; ask the publisher for the digest"
            ),
            Self::Type { .. } => {
                "name an artifact that `lockstep plugin publish` or `wkg` published, not a container image".to_owned()
            }
        }
    }
}
