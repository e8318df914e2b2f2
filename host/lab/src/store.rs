//! The lab's folder: its lock, and its state as JSON.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::state::{Happening, Instance, State};
use crate::twin::Twin;

/// The format of the state file.
const VERSION: u32 = 1;

/// Why the lab's folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder can't be read or written.
    #[error("could not use `{path}`")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state file holds something else.
    #[error("could not read the lab's state in `{path}`")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The state file is another version's.
    #[error("`{path}` has version {found}, this lab reads version {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u32,
    },
}

/// Makes the folder.
///
/// Others may pass through it but not list it, because PostgreSQL runs as a user of its own on the
/// volumes inside; the state, which holds secrets, is the owner's alone.
pub(crate) fn prepare(folder: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).map_err(failed)
}

/// Takes the folder's lock, or nothing where another lab holds it.
///
/// The system frees it when its holder dies, however that happens.
pub(crate) fn lock(folder: &Path) -> Result<Option<File>, StoreError> {
    let path = folder.join("lab.lock");
    let failed = |source| StoreError::File { path: path.clone(), source };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

pub(crate) fn load(folder: &Path) -> Result<Option<State>, StoreError> {
    let path = folder.join("state.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::File { path, source }),
    };
    match serde_json::from_slice::<State>(&text) {
        Ok(state) if state.version == VERSION => Ok(Some(state)),
        Ok(state) => Err(StoreError::Version { path, found: state.version }),
        Err(source) => Err(StoreError::Format { path, source }),
    }
}

/// Makes a loaded state fit to go on: nothing runs any more, and addresses are of `block`.
pub(crate) fn take_up(state: &mut State, block: u8) {
    for deployment in &mut state.deployments {
        deployment.pid = None;
        if let Some(status) =
            deployment.status.after(Happening::IsGone).filter(|_| deployment.status.active())
        {
            deployment.status = status;
            deployment.instance = Instance::Removed;
        }
    }
    state.backups.retain(|backup| backup.complete);
    state.block = block;
    let drafts = state.drafts.iter_mut().map(|draft| &mut draft.service);
    for service in state.services.iter_mut().chain(drafts) {
        let [first, second, _, host] = service.address.octets();
        service.address = Ipv4Addr::new(first, second, block, host);
    }
}

/// Saves the state whenever it has changed, a moment later.
pub(crate) async fn keep_saved(twin: Arc<Twin>) {
    let mut changes = twin.changes();
    while changes.changed().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        changes.mark_unchanged();
        if let Err(error) = save(&twin).await {
            tracing::warn!(%error, "the lab's state was not saved");
        }
    }
}

pub(crate) async fn save(twin: &Arc<Twin>) -> Result<(), StoreError> {
    let path = twin.folder.join("state.json");
    let format = |source| StoreError::Format { path: path.clone(), source };
    let text = twin.read(serde_json::to_vec).map_err(format)?;
    let target = path.clone();
    let written = tokio::task::spawn_blocking(move || write(&target, &text)).await;
    let failed = |source| StoreError::File { path: path.clone(), source };
    written.map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)
}

/// Writes beside `path` and renames, so that a reader never sees half of it.
pub(crate) fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(text)?;
    std::fs::rename(&beside, path)
}
