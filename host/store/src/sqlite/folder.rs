//! The store's folder and file: made for their owner alone, and put in place whole or not at all.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::open::OpenError;
use crate::error::StoreError;

/// The name of the store's file in its folder.
pub const FILE_NAME: &str = "journal.db";

/// Which file stands at the store's path.
///
/// Only `stat` looks at it: opening and closing the file beside SQLite would drop SQLite's locks in this process.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    identity: (u64, u64),
}

impl Place {
    /// Notes which file stands at `path` now.
    pub(crate) fn of(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&fs::metadata(&path)?);
        Ok(Self { path, identity })
    }

    /// Makes sure that the same file still stands there.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.identity => Ok(()),
            Ok(_) => Err(StoreError::Replaced),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Replaced),
            Err(error) => Err(StoreError::Failed(error.to_string())),
        }
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Makes the folder of a store if it is missing, and keeps others out of it.
pub fn prepare_folder(folder: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => Err(failed(ErrorKind::NotADirectory.into())),
        Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => {
            Err(OpenError::Foreign { path: folder.to_owned() })
        }
        Ok(found) => close_to_others(folder, &found),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

fn close_to_others(folder: &Path, found: &Metadata) -> Result<(), OpenError> {
    let mode = found.permissions().mode() & 0o7777;
    // Where others could write, they may have put anything there already, so closing the door now proves nothing.
    if mode & 0o022 != 0 {
        return Err(OpenError::Exposed { path: folder.to_owned(), mode });
    }
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))
            .map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
    }
    Ok(())
}

/// Keeps others from reading the file.
pub(crate) fn close_file(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Folder { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

/// Makes an empty file for a store that is being made, known to nobody else.
pub(crate) fn draft(folder: &Path, nonce: &str) -> io::Result<PathBuf> {
    let path = folder.join(format!("{FILE_NAME}.new-{nonce}"));
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(path)
}

/// Puts the finished `draft` in place, unless somebody else was faster, and makes that durable.
pub(crate) fn publish(draft: &Path, folder: &Path) -> io::Result<()> {
    // A hard link never overwrites, so of several processes that make the store at once the first one's stays.
    let linked = match fs::hard_link(draft, folder.join(FILE_NAME)) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    let removed = fs::remove_file(draft);
    linked?;
    removed?;
    File::open(folder)?.sync_all()?;
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
