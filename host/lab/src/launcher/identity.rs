//! Whom a process runs as: the lab's own user, or for PostgreSQL under root a lesser one.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown},
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::{LaunchError, process::prepare};

const OWN_SHARED_MEMORY: &str = "--ipc";
const UNSHARE: [&str; 2] = ["/usr/bin/unshare", "/bin/unshare"];
const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

/// The user of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The user that the lab runs as.
    Own,
    /// Another user, without any right of root.
    Other(User),
    /// Another user who may pass through folders that are closed to others, such as those in root's home.
    Passing(User, PathBuf),
}

/// A user of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl Identity {
    /// Whom PostgreSQL, which refuses root, runs as so that it reaches all `folders`.
    pub(crate) fn for_postgres(folders: &[&Path]) -> Result<Self, LaunchError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let user = User::find();
        let closed = folders
            .iter()
            .flat_map(|folder| folder.ancestors().skip(1))
            .find(|parent| user.is_kept_out(parent));
        let Some(parent) = closed else { return Ok(Self::Other(user)) };
        match SETPRIV.iter().map(PathBuf::from).find(|file| file.is_file()) {
            Some(setpriv) => Ok(Self::Passing(user, setpriv)),
            None => Err(LaunchError::Unreachable { user: user.name, parent: parent.to_owned() }),
        }
    }

    /// Starts a command line for this user.
    pub(crate) fn command(&self, program: &Path) -> Command {
        match self {
            Self::Own => Command::new(program),
            Self::Other(user) => {
                let mut command = Command::new(program);
                command.uid(user.uid).gid(user.gid);
                command
            }
            Self::Passing(user, setpriv) => {
                let mut command = Command::new(setpriv);
                command
                    .arg(format!("--reuid={}", user.uid))
                    .arg(format!("--regid={}", user.gid))
                    .args([
                        "--clear-groups",
                        "--inh-caps=+dac_read_search",
                        "--ambient-caps=+dac_read_search",
                        "--",
                    ])
                    .arg(program);
                command
            }
        }
    }

    /// Starts a command line for this user whose shared memory is its own and ends with it, as a container's does.
    ///
    /// Without the means of that it is the usual one: what a kill leaves behind then stays until the machine restarts.
    pub(crate) fn isolated_command(&self, program: &Path) -> Command {
        match (self, unshare()) {
            (Self::Own, Some(unshare)) => {
                let mut command = Command::new(unshare);
                command.arg(OWN_SHARED_MEMORY).arg("--").arg(program);
                command
            }
            (Self::Own | Self::Other(_) | Self::Passing(..), _) => self.command(program),
        }
    }

    /// Gives `path` and all in it to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<(), LaunchError> {
        match self {
            Self::Own => Ok(()),
            Self::Other(user) | Self::Passing(user, _) => user.own(path),
        }
    }
}

/// The tool that gives a process shared memory of its own, if it is here and may do that.
fn unshare() -> Option<&'static str> {
    let tool = UNSHARE.into_iter().find(|file| Path::new(file).is_file())?;
    let tried =
        std::process::Command::new(tool).args([OWN_SHARED_MEMORY, "--", "true"]).output().ok()?;
    tried.status.success().then_some(tool)
}

impl User {
    /// The user `postgres` where there is one, else `nobody`.
    fn find() -> Self {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            let uid = fields.next()?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Self { name: name.to_owned(), uid, gid })
        };
        let nobody = || Self { name: "nobody".to_owned(), uid: 65534, gid: 65534 };
        named("postgres").or_else(|| named("nobody")).unwrap_or_else(nobody)
    }

    fn is_kept_out(&self, folder: &Path) -> bool {
        let Ok(metadata) = fs::metadata(folder) else { return false };
        let mode = metadata.permissions().mode();
        let bit = if metadata.uid() == self.uid {
            0o100
        } else if metadata.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit == 0
    }

    fn own(&self, path: &Path) -> Result<(), LaunchError> {
        let metadata = fs::symlink_metadata(path).map_err(prepare(path))?;
        if metadata.uid() != self.uid || metadata.gid() != self.gid {
            lchown(path, Some(self.uid), Some(self.gid)).map_err(prepare(path))?;
        }
        if metadata.is_dir() {
            for entry in fs::read_dir(path).map_err(prepare(path))? {
                self.own(&entry.map_err(prepare(path))?.path())?;
            }
        }
        Ok(())
    }
}
