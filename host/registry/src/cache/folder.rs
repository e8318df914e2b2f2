//! Files that are written whole or not at all, in a folder that is this user's alone.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::RegistryError;

/// Makes the cache's folder if it is missing, and keeps others out of it.
pub(super) fn prepare(folder: &Path) -> Result<(), RegistryError> {
    let failed = failed(folder);
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => Err(failed(ErrorKind::NotADirectory.into())),
        // What others could write into, they may have written into already.
        Ok(found)
            if found.uid() != rustix::process::geteuid().as_raw()
                || found.permissions().mode() & 0o022 != 0 =>
        {
            Err(RegistryError::Exposed { path: folder.to_owned() })
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => make(folder).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Reads a file of at most `limit` bytes; `None` if there is none. One that is larger comes as its beginning.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a file beside its place, makes it durable and puts it there. What stands there already has the same name and is
/// therefore the same.
pub(super) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
    make(parent)?;
    let draft = beside(parent)?;
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    if let Err(error) = written {
        // The first error is the one to tell; a draft that stays behind is never read.
        drop(fs::remove_file(&draft));
        return Err(error);
    }
    File::open(parent)?.sync_all()
}

/// Moves a file out of the way, under a name that nothing else has.
pub(super) fn set_aside(path: &Path, corrupt: &Path) -> io::Result<PathBuf> {
    make(corrupt)?;
    let moved = beside(corrupt)?;
    match fs::rename(path, &moved) {
        // Another process was faster.
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(moved),
    }
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> RegistryError + use<> {
    let path = path.to_owned();
    move |source| RegistryError::Cache { path: path.clone(), source }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A new name in `folder`, which begins with a dot so that nobody takes it for what it is a draft of.
fn beside(folder: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(folder.join(format!(".{:016x}", u64::from_le_bytes(random))))
}
