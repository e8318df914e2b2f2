//! How `lockstep.lock` is read, and changed by one process at a time.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::document::LockDocument;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;

/// The file's name.
pub(crate) const FILE: &str = "lockstep.lock";

/// The file that whoever changes the lock file holds, in Lockstep's own folder.
const GUARD: &str = "lockfile.guard";

/// Reads the file of `folder`; an empty one when there is none.
///
/// # Errors
/// It can't be read, or says something that this version does not know.
pub(crate) fn read(folder: &Path) -> Result<LockDocument, CliError> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(LockDocument::default()),
        Err(error) => {
            let error = CliError::new(Exit::Usage, error);
            return Err(error.within(format!("could not read `{}`", path.display())));
        }
    };
    LockDocument::parse(&text).map_err(|error| {
        CliError::new(Exit::Usage, error)
            .within(format!("`{}` can't be relied on", path.display()))
            .hint("put the file back as it was committed; nothing runs from a lock file that is only half understood")
    })
}

/// Changes the file of `folder`: while no other process does, and as a whole or not at all. What `edit` refuses changes nothing.
///
/// # Errors
/// `edit` refuses, or the file can't be read or written.
pub(crate) fn change(
    folder: &Path,
    edit: impl FnOnce(&mut LockDocument) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let own = crate::session::folder(folder);
    lockstep_store::prepare_folder(&own).or_exit(Exit::Failed)?;
    let guard = OpenOptions::new().create(true).truncate(false).write(true).open(own.join(GUARD));
    let guard = guard.or_exit(Exit::Failed)?;
    guard.lock().or_exit(Exit::Failed)?;
    let mut document = read(folder)?;
    edit(&mut document)?;
    let text = document.text().or_exit(Exit::Failed)?;
    let written = replace(folder, &text).or_exit(Exit::Failed);
    written.map_err(|error| {
        error
            .within(format!("could not write `{}`", folder.join(FILE).display()))
            .hint("the file is as it was: is there room, and may it be written?")
    })
}

/// Writes beside the file, then puts that in its place.
fn replace(folder: &Path, text: &str) -> std::io::Result<()> {
    let beside = folder.join(format!("{FILE}.new"));
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::Digest;
    use lockstep_registry::Source;

    use super::*;
    use crate::lockfile::Entry;

    fn entry() -> Entry {
        Entry {
            version: "1".to_owned(),
            source: Source::Bundled,
            digest: Digest::of(b""),
            manifest: None,
            contract: "0.1.0".to_owned(),
            signer: None,
            published: None,
            added: "2026-12-01T00:00:00Z".parse().unwrap(),
            held: false,
            promoted: None,
            requests: Vec::new(),
            grants: Vec::new(),
        }
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder =
            std::env::temp_dir().join(format!("lockstep-lock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn many_who_change_the_file_at_once_lose_nothing() {
        let folder = folder("many");
        std::thread::scope(|scope| {
            for number in 0..16 {
                let folder = &folder;
                scope.spawn(move || {
                    change(folder, |document| {
                        document.put("lab", &format!("p{number}"), entry());
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(read(&folder).unwrap().of("lab").count(), 16);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_refused_or_half_written_changes_nothing() {
        let folder = folder("half");
        change(&folder, |document| {
            document.put("lab", "redis", entry());
            Ok(())
        })
        .unwrap();
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        // A process that died before the rename.
        std::fs::write(folder.join("lockstep.lock.new"), "version = ").unwrap();
        change(&folder, |_| Err(CliError::words(Exit::Failed, "no"))).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let half = text.get(..text.len() / 2).unwrap();
        std::fs::write(&path, half).unwrap();
        let refused = change(&folder, |_| Ok(())).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), half);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
