//! Compiled plugins, kept between processes.
//!
//! Loading machine code is trusting it, so an entry is loaded only if this user wrote it on this machine: the folder
//! and its key are this user's alone, and each entry carries a keyed hash of the component, the compiler's settings and
//! the code. Anything else is compiled again and replaced. Entries are renamed into place, so concurrent processes
//! only ever see whole ones.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep_engine::model::Digest;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{LoadError, RuntimeError};

const MAGIC: &[u8; 16] = b"lockstep-aot-02\n";
const KEY: &str = "key";
const UNFINISHED: &str = "tmp";

/// How old an unfinished file must be before it counts as left behind by a process that was killed.
const ABANDONED: Duration = Duration::from_hours(1);

/// The folder of compiled plugins. It only grows; it may be deleted at any time.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

/// Code that this process compiled, or that carries the proof that this user did.
struct Compiled {
    bytes: Vec<u8>,
    /// Where the code starts: what is read from an entry has a header.
    start: usize,
}

impl Compiled {
    fn code(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl Cache {
    /// Opens `folder`, and makes it and its key if they are not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, RuntimeError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| RuntimeError::Folder { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|error| RuntimeError::Key(error.to_string()))?;
        // A file made here belongs to whoever runs this process, which is how the folder's owner is checked.
        let candidate = folder.join(unfinished(KEY).map_err(RuntimeError::Key)?);
        write_new(&candidate, &[&fresh]).map_err(at(&candidate))?;
        let mine = fs::metadata(&candidate).map_err(at(&candidate))?;
        let found = fs::metadata(folder).map_err(at(folder))?;
        if found.uid() != mine.uid() {
            fs::remove_file(&candidate).map_err(at(&candidate))?;
            return Err(RuntimeError::Foreign {
                path: folder.to_owned(),
                why: "belongs to another user",
            });
        }
        if !is_private(&found) {
            fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(at(folder))?;
        }
        let key =
            settle_key(&folder.join(KEY), &candidate, fresh, mine.uid()).map_err(at(folder))?;
        if let Err(error) = sweep(folder, &mine) {
            tracing::warn!(folder = %folder.display(), %error, "could not tidy the folder for compiled plugins");
        }
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// Returns the component from its entry; none if there is no entry that can be trusted.
    pub(crate) fn find(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let settings = settings(engine);
        let path = self.path(digest, &settings);
        let entry = match fs::read(&path) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(entry = %path.display(), %error, "could not read a compiled plugin; it is compiled again");
                return None;
            }
        };
        let Some(compiled) = self.verify(entry, digest, &settings) else {
            tracing::warn!(entry = %path.display(), "a compiled plugin is damaged or not ours; it is compiled again");
            return None;
        };
        match revive(engine, &compiled) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(entry = %path.display(), %error, "a compiled plugin does not load; it is compiled again");
                None
            }
        }
    }

    /// Compiles `wasm` and keeps the result. That it can't be kept is no failure: it is compiled again next time.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        digest: &Digest,
        wasm: &[u8],
    ) -> Result<Component, LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
        tracing::info!(plugin = %digest.short(), bytes = wasm.len(), "compiling a plugin for this machine, once");
        let compiled =
            Compiled { bytes: engine.precompile_component(wasm).map_err(failed)?, start: 0 };
        if let Err(error) = self.keep(&compiled, digest, &settings(engine)) {
            tracing::warn!(folder = %self.folder.display(), %error, "could not keep a compiled plugin");
        }
        revive(engine, &compiled).map_err(failed)
    }

    fn verify(&self, entry: Vec<u8>, digest: &Digest, settings: &[u8; 32]) -> Option<Compiled> {
        let (magic, rest) = entry.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (mac, code) = rest.split_first_chunk::<32>()?;
        let whole = usize::try_from(u64::from_le_bytes(*length)).ok()? == code.len();
        // `blake3::Hash` compares in constant time.
        let ours = self.mac(digest, settings, code) == *mac;
        if magic != MAGIC || !whole || !ours {
            return None;
        }
        let start = entry.len() - code.len();
        Some(Compiled { bytes: entry, start })
    }

    fn keep(&self, compiled: &Compiled, digest: &Digest, settings: &[u8; 32]) -> io::Result<()> {
        let path = self.path(digest, settings);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = self.folder.join(unfinished(&name).map_err(io::Error::other)?);
        let code = compiled.code();
        let length = (code.len() as u64).to_le_bytes();
        let mac = self.mac(digest, settings, code);
        // Not synced: an entry that a power cut tore is refused by its hash.
        write_new(&temporary, &[MAGIC, &length, mac.as_bytes(), code])?;
        fs::rename(&temporary, path)
    }

    /// Returns the keyed hash of an entry. BLAKE3 and not SHA-256: hashing would be most of the time that a load takes.
    fn mac(&self, digest: &Digest, settings: &[u8; 32], code: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(MAGIC).update(digest.digits().as_bytes()).update(settings);
        mac.update(&(code.len() as u64).to_le_bytes()).update(code);
        mac.finalize()
    }

    fn path(&self, digest: &Digest, settings: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}-{}.aot", digest.digits(), Digest::of(settings).short()))
    }
}

#[expect(
    unsafe_code,
    reason = "only wasmtime's unsafe function turns compiled code back into a component"
)]
fn revive(engine: &Engine, compiled: &Compiled) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `precompile_component` gave. A `Compiled` holds either exactly that, from this
    // process, or bytes whose keyed hash was checked after they were read into this memory, which nobody else can
    // change. The key is readable by this user alone, who could as well replace the `lockstep` program itself.
    unsafe { Component::deserialize(engine, compiled.code()) }
}

/// Returns what the compiler's version and settings come to: code of another version never has the same.
fn settings(engine: &Engine) -> [u8; 32] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    sha.0.finalize().into()
}

/// Returns the key in `path`, which becomes `fresh` (already written to `candidate`) if there is none to be trusted.
fn settle_key(path: &Path, candidate: &Path, fresh: [u8; 32], me: u32) -> io::Result<[u8; 32]> {
    // A link and not a rename: of two processes that start together, both use the first one's key.
    match fs::hard_link(candidate, path) {
        Ok(()) => {
            fs::remove_file(candidate)?;
            return Ok(fresh);
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(path)?;
    if found.is_file()
        && found.uid() == me
        && is_private(&found)
        && let Ok(key) = <[u8; 32]>::try_from(fs::read(path)?)
    {
        fs::remove_file(candidate)?;
        return Ok(key);
    }
    tracing::warn!(key = %path.display(), "the key of the compiled plugins is damaged or not ours; they are compiled again");
    fs::rename(candidate, path)?;
    Ok(fresh)
}

/// Returns whether neither group nor others may do anything.
fn is_private(found: &fs::Metadata) -> bool {
    found.mode().trailing_zeros() >= 6
}

fn sweep(folder: &Path, now: &fs::Metadata) -> io::Result<()> {
    let now = now.modified()?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let left = path.extension().is_some_and(|extension| extension == UNFINISHED);
        let age = || {
            fs::metadata(&path)
                .and_then(|found| found.modified())
                .map(|then| now.duration_since(then).unwrap_or_default())
        };
        // A file that is gone by now was another process's, and finished.
        if left && age().is_ok_and(|age| age > ABANDONED) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn unfinished(name: &str) -> Result<String, String> {
    let random = getrandom::u64().map_err(|error| error.to_string())?;
    Ok(format!("{name}.{random:016x}.{UNFINISHED}"))
}

fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = parts.iter().try_for_each(|part| file.write_all(part));
    if written.is_err() {
        fs::remove_file(path)?;
    }
    written
}
