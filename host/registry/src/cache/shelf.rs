//! Putting into the cache and taking out of it.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lockstep_engine::model::Digest;

use super::folder::{Content, failed, prepare, put, read, set_aside};
use super::record::Record;
use crate::access::Limits;
use crate::error::RegistryError;

/// A record holds as many signatures as are looked at, and their manifest once.
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
        let limit = self.limit.max(Limits::COMPONENT);
        match read(&path, limit).map_err(failed(&path))? {
            Content::Missing => Ok(Loaded::Missing),
            Content::Whole(bytes) if Digest::of(&bytes) == *digest => {
                Ok(Loaded::Found(bytes.into(), self.records(digest)?))
            }
            // One that came in under a larger limit may still be what its digest says, and is left where it is.
            Content::Larger => Err(failed(&path)(larger(limit))),
            Content::Whole(_) | Content::Strange => Ok(Loaded::Corrupt(self.set_aside(&path)?)),
        }
    }

    /// Puts a component in, with what its source said. When this returns, both survive a crash.
    pub(crate) fn store(&self, bytes: &[u8], record: &Record) -> Result<(), RegistryError> {
        let digest = Digest::of(bytes);
        let path = self.component(&digest);
        self.set(&path, bytes)?;
        let text = record.to_bytes();
        let path = self.told(&digest).join(Digest::of(&text).digits());
        // What can't be read again is not written.
        if text.len() as u64 > MOST_RECORD {
            return Err(failed(&path)(larger(MOST_RECORD)));
        }
        self.set(&path, &text)
    }

    /// Sees to it that a file holds `bytes`, and moves away whatever else stands there.
    fn set(&self, path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
        match read(path, bytes.len() as u64).map_err(failed(path))? {
            Content::Whole(there) if there == bytes => return Ok(()),
            Content::Missing => {}
            Content::Whole(_) | Content::Larger | Content::Strange => {
                let moved = self.set_aside(path)?;
                tracing::warn!(path = %path.display(), moved = %moved.display(), "a cached file was changed, and is replaced");
            }
        }
        put(path, bytes).map_err(failed(path))
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
            // A draft, and whatever else has no record's name, is none.
            names.extend(
                name.to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok()),
            );
        }
        names.sort_by_key(Digest::digits);
        let mut records = Vec::new();
        for name in names.iter().take(MOST_RECORDS) {
            records.extend(self.record(&folder, name)?);
        }
        Ok(records)
    }

    fn record(&self, folder: &Path, name: &Digest) -> Result<Option<Record>, RegistryError> {
        let path = folder.join(name.digits());
        match read(&path, MOST_RECORD).map_err(failed(&path))? {
            Content::Missing => Ok(None),
            Content::Whole(text) if Digest::of(&text) == *name => Ok(Record::read(&text)),
            Content::Whole(_) | Content::Larger | Content::Strange => {
                let moved = self.set_aside(&path)?;
                tracing::warn!(moved = %moved.display(), "what a source said of a cached plugin was changed, and is left out");
                Ok(None)
            }
        }
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

fn larger(limit: u64) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::signature::{Encoded, Form, Signature};
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
    fn what_is_no_file_is_moved_away_unread() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/b/cache"), 100).unwrap();
        let digest = Digest::of(b"component");
        cache.store(b"component", &record("a")).unwrap();
        let (entry, told) = (cache.component(&digest), cache.told(&digest));
        let file = fs::read_dir(&told).unwrap().next().unwrap().unwrap().path();
        fs::create_dir(told.join("folder")).unwrap();
        fs::create_dir(told.join(Digest::of(b"x").digits())).unwrap();
        assert_eq!(found(&cache, &digest).1.len(), 1);
        assert!(!told.join(Digest::of(b"x").digits()).exists());

        fs::remove_file(&file).unwrap();
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        fs::remove_file(&entry).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &entry).unwrap();
        assert!(matches!(cache.load(&digest).unwrap(), Loaded::Corrupt(_)));
        fs::create_dir(&entry).unwrap();
        cache.store(b"component", &record("a")).unwrap();
        let (bytes, records) = found(&cache, &digest);
        assert_eq!((bytes.as_ref(), records.len()), (b"component".as_slice(), 1));
    }

    #[test]
    fn a_damaged_record_is_replaced_by_the_true_one() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 100).unwrap();
        let digest = Digest::of(b"component");
        cache.store(b"component", &record("a")).unwrap();
        let file = fs::read_dir(cache.told(&digest)).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, "damaged").unwrap();
        cache.store(b"component", &record("a")).unwrap();
        assert_eq!(found(&cache, &digest).1, [record("a")]);
    }

    #[test]
    fn a_component_or_a_record_that_is_larger_than_may_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 100).unwrap();
        let digest = Digest::of(b"component");
        let long = |length: usize| {
            let signature = Signature(Form::Blob { signature: Encoded(vec![0; length].into()) });
            Record::new(Source::Bundled, None, None, vec![signature])
        };
        let error = cache.store(b"component", &long(16 << 20)).unwrap_err();
        assert!(
            matches!(&error, RegistryError::Cache { source, .. } if source.kind() == ErrorKind::FileTooLarge)
        );
        assert!(error.hint().contains("delete"), "{}", error.hint());
        assert_eq!(found(&cache, &digest).1, []);

        let entry = cache.component(&digest);
        fs::File::create(&entry).unwrap().set_len(Limits::COMPONENT + 1).unwrap();
        let error = cache.load(&digest).unwrap_err();
        assert!(
            matches!(&error, RegistryError::Cache { source, .. } if source.kind() == ErrorKind::FileTooLarge)
        );
        assert!(entry.exists());
    }

    #[test]
    fn as_many_signatures_as_are_looked_at_fit_into_a_record_with_their_manifest_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 100).unwrap();
        let bytes = |length: usize, byte: u8| Encoded(vec![byte; length].into());
        let manifest = bytes(1 << 20, 1);
        let signature = |number: u8| {
            let (payload, signature) = (bytes(256 << 10, number), bytes(70, number));
            Signature(Form::Simple { manifest: manifest.clone(), payload, signature })
        };
        let signatures: Vec<_> = (0..32).map(signature).collect();
        let record = Record::new(Source::Bundled, None, None, signatures);
        cache.store(b"component", &record).unwrap();
        assert_eq!(found(&cache, &Digest::of(b"component")).1, [record]);
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
