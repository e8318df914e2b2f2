//! The handle that everybody else uses.

use std::io::{self, ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use lockstep_engine::model::Digest;
use reqwest::header::LAST_MODIFIED;
use reqwest::{Method, StatusCode, Url};

use crate::access::Access;
use crate::cache::{Cache, Loaded, Record};
use crate::component::Interfaces;
use crate::error::{Fault, RegistryError};
use crate::fetched::Fetched;
use crate::oci::manifest::{COMPONENT, CONFIG, Descriptor, MANIFEST, Manifest};
use crate::oci::{self, Conversation, Purpose};
use crate::publish::{Annotations, Published};
use crate::signature::{Encoded, Form, Signature, SigningKey, of_blob};
use crate::source::{OciReference, OciSource, Source, WebAddress};
use crate::web::{Follow, Web};

/// A detached signature is a line of base64, or a bundle.
const MOST_SIGNATURE: u64 = 256 << 10;

/// The sources of plugins and the cache of this machine. Cloning is cheap.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    cache: Cache,
    web: Web,
    access: Access,
}

impl Registry {
    /// Opens the cache in the folder `cache`, making it if it is missing. Nothing is asked yet.
    ///
    /// # Errors
    /// The folder can't be made or used, or others may write into it.
    pub fn open(cache: &Path, access: Access) -> Result<Self, RegistryError> {
        let cache = Cache::open(cache, access.limits.component)?;
        let web = Web::new(access.limits)?;
        Ok(Self { inner: Arc::new(Inner { cache, web, access }) })
    }

    /// Asks `source` what it has now, and keeps that in the cache together with its signatures.
    ///
    /// A moved tag shows here. Of a registry or a web server nothing is known offline; a file is always read.
    pub async fn resolve(&self, source: &Source) -> Result<Fetched, RegistryError> {
        let fetched = match source {
            Source::Bundled => return Err(RegistryError::Bundled),
            Source::File(path) => self.file(path).await?,
            Source::Https(address) => {
                self.online(source)?;
                self.web_file(address).await?
            }
            Source::Oci(oci) => {
                self.online(source)?;
                self.artifact(oci).await?
            }
        };
        self.keep(source, &fetched).await?;
        Ok(fetched)
    }

    /// Returns exactly the bytes with this digest: from the cache, where they are hashed anew, else from `source`.
    pub async fn exact(&self, source: &Source, digest: &Digest) -> Result<Bytes, RegistryError> {
        self.pinned(source, digest).await.map(|fetched| fetched.bytes)
    }

    /// Like [`Registry::exact`], with every signature that the cache or `source` has of these bytes.
    ///
    /// # Errors
    /// The source has other bytes now, or nothing may be asked and the cache has none.
    pub async fn pinned(&self, source: &Source, digest: &Digest) -> Result<Fetched, RegistryError> {
        let moved = match self.load(digest).await? {
            Loaded::Found(bytes, records) => return Ok(recalled(source, *digest, bytes, records)),
            Loaded::Missing => None,
            Loaded::Corrupt(moved) => {
                tracing::warn!(%digest, moved = %moved.display(), "a cached plugin was changed; it is fetched anew");
                Some(moved)
            }
        };
        if let Source::Oci(oci) = source
            && !self.inner.access.offline
        {
            let fetched = self.part(oci, digest).await?;
            self.keep(source, &fetched).await?;
            return Ok(fetched);
        }
        match (self.resolve(source).await, moved) {
            (Ok(fetched), _) if fetched.digest == *digest => Ok(fetched),
            (Ok(fetched), _) => Err(RegistryError::Moved {
                from: source.to_string(),
                wanted: *digest,
                found: fetched.digest,
            }),
            (Err(RegistryError::Offline { .. } | RegistryError::Bundled), Some(moved)) => {
                Err(RegistryError::Corrupt { digest: *digest, moved })
            }
            (Err(RegistryError::Offline { .. }), None) => {
                Err(RegistryError::Offline { what: format!("{source} with {digest}") })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Publishes a component as the artifact that the ecosystem's tools fetch, and signs it if there is a key.
    ///
    /// A tag that led elsewhere is moved, which the answer tells.
    pub async fn publish(
        &self,
        to: &OciSource,
        component: &[u8],
        annotations: &Annotations,
        key: Option<&SigningKey>,
    ) -> Result<Published, RegistryError> {
        let OciReference::Tag(tag) = to.reference() else {
            return Err(RegistryError::NoTag(to.to_string()));
        };
        self.online(&Source::Oci(to.clone()))?;
        let host = to.host().to_owned();
        let failed =
            |fault| RegistryError::Publish { what: to.to_string(), host: host.clone(), fault };
        let limit = self.inner.access.limits.component;
        if component.len() as u64 > limit {
            return Err(failed(Fault::TooLarge { limit }));
        }
        let interfaces = Interfaces::of(component).map_err(RegistryError::NotAComponent)?;
        let layer = Descriptor::of(COMPONENT, component);
        let config = serde_json::json!({
            "created": annotations.created,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
            "component": interfaces,
        })
        .to_string();
        let description = Descriptor::of(CONFIG, config.as_bytes());
        let manifest =
            Manifest::new(description.clone(), vec![layer.clone()], annotations.to_map()?);

        let talk = self.talk(to, Purpose::Publish)?;
        let before = oci::manifest_at(&talk, tag, MANIFEST).await.map_err(failed)?;
        oci::push_blob(&talk, &layer, component).await.map_err(failed)?;
        oci::push_blob(&talk, &description, config.as_bytes()).await.map_err(failed)?;
        let digest = Digest::of(&manifest.to_bytes());
        // The signature comes first, so whoever finds the plugin at its tag finds it signed.
        if let Some(key) = key {
            oci::attach(&talk, &digest, key).await?;
        }
        let digest = oci::push_manifest(&talk, tag, &manifest).await.map_err(failed)?;
        let before = before.map(|before| Digest::of(&before));
        Ok(Published {
            digest: layer.digest,
            manifest: digest,
            exact: to.at(digest),
            replaced: before.filter(|before| *before != digest),
            signed: key.is_some(),
        })
    }

    async fn file(&self, path: &Path) -> Result<Fetched, RegistryError> {
        let (path, limit) = (path.to_owned(), self.inner.access.limits.component);
        blocking(move || {
            let failed = |source| RegistryError::File { path: path.clone(), source };
            let bytes = read(&path, limit).map_err(failed)?;
            let mut name = path.as_os_str().to_owned();
            name.push(".sig");
            let signature = match read(Path::new(&name), MOST_SIGNATURE) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(source) => return Err(RegistryError::File { path: name.into(), source }),
            };
            Ok(fetched(bytes.into(), None, detached(signature.as_deref())))
        })
        .await
    }

    async fn web_file(&self, address: &WebAddress) -> Result<Fetched, RegistryError> {
        let host = address.url().host_str().unwrap_or_default().to_owned();
        let failed =
            |fault| RegistryError::Fetch { what: address.to_string(), host: host.clone(), fault };
        let web = &self.inner.web;
        let get = |url: &Url| web.send(web.request(Method::GET, url), Follow::Anywhere);
        let answer = get(address.url()).await.map_err(failed)?;
        let created = answer.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
        let created =
            created.and_then(|text| rfc2822::parse(text).ok()).map(|time| time.timestamp());
        let limit = self.inner.access.limits.component;
        let bytes = web.success(answer, limit).await.map_err(failed)?;
        let answer = get(&address.signature()).await.map_err(failed)?;
        // A server that has no such file may say so in many ways; what it has is verified, so what it lacks is no signature.
        let signature = match answer.status() {
            StatusCode::OK => Some(web.success(answer, MOST_SIGNATURE).await.map_err(failed)?),
            _ => None,
        };
        Ok(fetched(bytes, created, detached(signature.as_deref())))
    }

    async fn artifact(&self, source: &OciSource) -> Result<Fetched, RegistryError> {
        let talk = self.talk(source, Purpose::Fetch)?;
        let (bytes, manifest) = oci::fetch_manifest(&talk).await.map_err(fetching(source))?;
        Self::whole(&talk, bytes, &manifest).await.map_err(fetching(source))
    }

    /// Fetches the component with this digest, whatever the tag leads to now.
    async fn part(&self, source: &OciSource, digest: &Digest) -> Result<Fetched, RegistryError> {
        let talk = self.talk(source, Purpose::Fetch)?;
        let failed = fetching(source);
        match oci::fetch_manifest(&talk).await {
            Ok((bytes, manifest)) if manifest.component().is_ok_and(|it| it.digest == *digest) => {
                return Self::whole(&talk, bytes, &manifest).await.map_err(failed);
            }
            // The tag was moved or is gone; what it led to before may still be there.
            Ok(_) | Err(Fault::NotFound(_)) => {}
            Err(fault) => return Err(failed(fault)),
        }
        let bytes = talk.component(digest).await.map_err(failed)?;
        Ok(fetched(bytes, None, Vec::new()))
    }

    async fn whole(
        talk: &Conversation<'_>,
        bytes: Bytes,
        manifest: &Manifest,
    ) -> Result<Fetched, Fault> {
        let signatures = oci::find(talk, &bytes).await?;
        let artifact = oci::fetch(talk, bytes, manifest).await?;
        let fetched = fetched(artifact.component, artifact.created, signatures);
        Ok(Fetched { manifest: Some(Digest::of(&artifact.manifest)), ..fetched })
    }

    fn talk<'r>(
        &'r self,
        source: &'r OciSource,
        purpose: Purpose,
    ) -> Result<Conversation<'r>, RegistryError> {
        Conversation::new(&self.inner.web, &self.inner.access.credentials, source, purpose)
    }

    fn online(&self, source: &Source) -> Result<(), RegistryError> {
        if self.inner.access.offline {
            return Err(RegistryError::Offline { what: source.to_string() });
        }
        Ok(())
    }

    async fn load(&self, digest: &Digest) -> Result<Loaded, RegistryError> {
        let (cache, digest) = (self.inner.cache.clone(), *digest);
        blocking(move || cache.load(&digest)).await
    }

    async fn keep(&self, source: &Source, fetched: &Fetched) -> Result<(), RegistryError> {
        let (cache, bytes) = (self.inner.cache.clone(), fetched.bytes.clone());
        let Fetched { manifest, created, signatures, .. } = fetched;
        let record = Record::new(source.clone(), *manifest, *created, signatures.clone());
        blocking(move || cache.store(&bytes, &record)).await
    }
}

fn fetched(bytes: Bytes, created: Option<Timestamp>, signatures: Vec<Signature>) -> Fetched {
    Fetched { digest: Digest::of(&bytes), bytes, manifest: None, created, signatures }
}

/// Puts together what the cache has; what the source itself said of the time and the manifest comes before what others said.
fn recalled(source: &Source, digest: Digest, bytes: Bytes, records: Vec<Record>) -> Fetched {
    let own = records.iter().filter(|record| record.source == *source);
    let own = own.max_by_key(|record| (record.manifest.is_some(), record.created));
    let (manifest, created) = own.map_or((None, None), |own| (own.manifest, own.created));
    let mut signatures = Vec::new();
    for signature in records.into_iter().flat_map(|record| record.signatures) {
        if !signatures.contains(&signature) {
            signatures.push(signature);
        }
    }
    Fetched { digest, bytes, manifest, created, signatures }
}

/// The signature in a detached file; what can't be read as one is a signature that verifies with no key.
fn detached(text: Option<&[u8]>) -> Vec<Signature> {
    text.map(|text| {
        of_blob(text).unwrap_or_else(|_| {
            let line = String::from_utf8_lossy(text).trim().to_owned();
            let signature = Encoded::try_from(line).unwrap_or(Encoded(text.to_owned()));
            Signature(Form::Blob { signature })
        })
    })
    .into_iter()
    .collect()
}

fn fetching(source: &OciSource) -> impl Fn(Fault) -> RegistryError + Copy {
    move |fault| RegistryError::Fetch {
        what: source.to_string(),
        host: source.host().to_owned(),
        fault,
    }
}

fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Does what waits for the disk where that holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(RegistryError::Client(error.to_string())),
    }
}
