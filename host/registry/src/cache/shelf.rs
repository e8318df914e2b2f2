//! Putting into the cache and taking out of it.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lockstep_engine::model::Digest;

use super::folder::{failed, prepare, put, read, set_aside};
use super::record::Record;
use crate::error::RegistryError;

/// A record holds a few signatures with their manifests.
const MOST_RECORD: u64 = 16 << 20;

/// More than enough sources for one component.
const MOST_RECORDS: usize = 256;

/// The folder of what was fetched.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
    limit: u64,
}

/// What the cache has.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// The component, equal to its digest, and what its sources said.
    Found(Bytes, Vec<Record>),
    /// Nothing.
    Missing,
    /// Something else stood in its place, and now is here.
    Corrupt(PathBuf),
}

impl Cache {
    pub(crate) fn open(folder: &Path, limit: u64) -> Result<Self, RegistryError> {
        prepare(folder)?;
        Ok(Self { folder: folder.to_owned(), limit })
    }

    /// Takes a component out, hashing it anew.
    pub(crate) fn load(&self, digest: &Digest) -> Result<Loaded, RegistryError> {
        let path = self.component(digest);
        // A component that came in under a larger limit is still what its digest says.
        let Some(bytes) = read(&path, u64::MAX - 1).map_err(failed(&path))? else {
            return Ok(Loaded::Missing);
        };
        if Digest::of(&bytes) != *digest {
            let moved = self.set_aside(&path)?;
            return Ok(Loaded::Corrupt(moved));
        }
        Ok(Loaded::Found(bytes.into(), self.records(digest)?))
    }

    /// Puts a component in, with what its source said. When this returns, both survive a crash.
    pub(crate) fn store(&self, bytes: &[u8], record: &Record) -> Result<(), RegistryError> {
        let digest = Digest::of(bytes);
        let path = self.component(&digest);
        let there = read(&path, self.limit).map_err(failed(&path))?;
        if there.as_deref().is_some_and(|there| there != bytes) {
            let moved = self.set_aside(&path)?;
            tracing::warn!(%digest, moved = %moved.display(), "a cached plugin was changed, and is replaced");
        }
        if there.as_deref() != Some(bytes) {
            put(&path, bytes).map_err(failed(&path))?;
        }
        let text = record.to_bytes();
        let path = self.told(&digest).join(Digest::of(&text).digits());
        if !path.exists() {
            put(&path, &text).map_err(failed(&path))?;
        }
        Ok(())
    }

    /// What the sources of a component said, in the order of the records' names.
    fn records(&self, digest: &Digest) -> Result<Vec<Record>, RegistryError> {
        let folder = self.told(digest);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed(&folder))?.file_name();
            if name.to_str().is_some_and(|name| !name.starts_with('.')) {
                names.push(name);
            }
        }
        names.sort();
        let mut records = Vec::new();
        for name in names.iter().take(MOST_RECORDS) {
            records.extend(self.record(&folder, name)?);
        }
        Ok(records)
    }

    fn record(&self, folder: &Path, name: &OsStr) -> Result<Option<Record>, RegistryError> {
        let path = folder.join(name);
        let Some(text) = read(&path, MOST_RECORD).map_err(failed(&path))? else { return Ok(None) };
        if name.to_str() != Some(&Digest::of(&text).digits()) {
            let moved = self.set_aside(&path)?;
            tracing::warn!(moved = %moved.display(), "what a source said of a cached plugin was changed, and is left out");
            return Ok(None);
        }
        Ok(Record::read(&text))
    }

    fn set_aside(&self, path: &Path) -> Result<PathBuf, RegistryError> {
        set_aside(path, &self.folder.join("corrupt")).map_err(failed(path))
    }

    fn component(&self, digest: &Digest) -> PathBuf {
        let digits = digest.digits();
        let (first, rest) = digits.split_at_checked(2).unwrap_or_default();
        self.folder.join("sha256").join(first).join(rest)
    }

    fn told(&self, digest: &Digest) -> PathBuf {
        self.folder.join("told").join(digest.digits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn record(path: &str) -> Record {
        Record::new(Source::File(path.into()), None, None, Vec::new())
    }

    fn found(cache: &Cache, digest: &Digest) -> (Bytes, Vec<Record>) {
        match cache.load(digest).unwrap() {
            Loaded::Found(bytes, records) => (bytes, records),
            other @ (Loaded::Missing | Loaded::Corrupt(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_changed_component_is_moved_away_and_can_be_stored_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 100).unwrap();
        let digest = Digest::of(b"component");
        assert!(matches!(cache.load(&digest).unwrap(), Loaded::Missing));
        cache.store(b"component", &record("a")).unwrap();
        cache.store(b"component", &record("b")).unwrap();
        cache.store(b"component", &record("a")).unwrap();
        let (bytes, records) = found(&cache, &digest);
        assert_eq!((bytes.as_ref(), records.len()), (b"component".as_slice(), 2));

        fs::write(cache.component(&digest), b"componenT").unwrap();
        let Loaded::Corrupt(moved) = cache.load(&digest).unwrap() else { panic!("not seen") };
        assert_eq!(fs::read(moved).unwrap(), b"componenT");
        assert!(matches!(cache.load(&digest).unwrap(), Loaded::Missing));
        cache.store(b"component", &record("a")).unwrap();
        assert_eq!(found(&cache, &digest).0.as_ref(), b"component");

        fs::write(cache.component(&digest), b"").unwrap();
        cache.store(b"component", &record("a")).unwrap();
        assert_eq!(found(&cache, &digest).0.as_ref(), b"component");
        assert_eq!(fs::read_dir(folder.path().join("corrupt")).unwrap().count(), 2);
    }

    #[test]
    fn a_changed_record_is_left_out_and_a_draft_is_never_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 100).unwrap();
        let digest = Digest::of(b"component");
        cache.store(b"component", &record("a")).unwrap();
        let told = cache.told(&digest);
        let file = fs::read_dir(&told).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(told.join(".draft"), &text).unwrap();
        fs::write(&file, text.replace("file:a", "file:b")).unwrap();
        assert_eq!(found(&cache, &digest).1, []);
        assert!(!file.exists());
    }

    #[test]
    fn a_folder_that_others_may_write_into_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("cache");
        Cache::open(&inside, 100).unwrap();
        assert_eq!(fs::metadata(&inside).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).unwrap();
        Cache::open(&inside, 100).unwrap();
        assert_eq!(fs::metadata(&inside).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&inside, fs::Permissions::from_mode(0o777)).unwrap();
        let error = Cache::open(&inside, 100).unwrap_err();
        assert!(matches!(error, RegistryError::Exposed { .. }), "{error}");
    }
}
