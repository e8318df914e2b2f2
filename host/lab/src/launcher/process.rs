//! A process about to be started: its program, its environment, its user.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::{io::AsyncWriteExt, process::Command};

use super::{LaunchError, Running, identity::Identity};

/// Everything about a process but its output.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Where it starts in; it must be reachable for its user.
    pub(crate) folder: PathBuf,
    /// Its whole environment but for the search path.
    pub(crate) variables: BTreeMap<String, String>,
    /// A folder that comes first on its search path.
    pub(crate) bin: Option<PathBuf>,
    pub(crate) identity: Identity,
    /// Whether it gets shared memory that ends with it, where this machine can give it that.
    pub(crate) isolated: bool,
}

impl Prepared {
    /// A process of the lab's own user in the root folder.
    pub(crate) fn new(program: impl Into<PathBuf>, variables: BTreeMap<String, String>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            folder: PathBuf::from("/"),
            variables,
            bin: None,
            identity: Identity::Own,
            isolated: false,
        }
    }

    /// A process that says `reason` and exits with `code`: what is left of a container whose entry point refuses.
    pub(crate) fn refusal(reason: &str, code: u8) -> Self {
        let script = format!("printf '%s\\n' \"$0\" >&2; exit {code}");
        Self::new("/bin/sh", BTreeMap::new()).with(["-c", script.as_str(), reason])
    }

    /// Adds arguments.
    pub(crate) fn with<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Starts it in a process group of its own, its output appended to `log`.
    pub(crate) fn spawn(&self, log: &Path) -> Result<Running, LaunchError> {
        let mut command = self.command(log)?;
        command.stdin(Stdio::null()).process_group(0);
        let child = command.spawn().map_err(|source| self.unstarted(source))?;
        Running::adopt(child).map_err(|source| self.unstarted(source))
    }

    /// Runs it to its end with `input`; dropping the future kills it.
    pub(crate) async fn complete(
        &self,
        log: &Path,
        input: &str,
    ) -> Result<ExitStatus, LaunchError> {
        let mut command = self.command(log)?;
        command.stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| self.unstarted(source))?;
        if let Some(mut stdin) = child.stdin.take()
            && let Err(error) = stdin.write_all(input.as_bytes()).await
        {
            // It may exit without reading; its exit status then says more than the broken pipe.
            tracing::debug!(%error, program = %self.program.display(), "input not read");
        }
        child.wait().await.map_err(|source| self.unstarted(source))
    }

    fn command(&self, log: &Path) -> Result<Command, LaunchError> {
        let output = append_to(log)?;
        let errors = output.try_clone().map_err(prepare(log))?;
        let mut command = if self.isolated {
            self.identity.isolated_command(&self.program)
        } else {
            self.identity.command(&self.program)
        };
        let usual = "/usr/local/bin:/usr/bin:/bin";
        let path = self
            .bin
            .as_ref()
            .map_or_else(|| usual.to_owned(), |bin| format!("{}:{usual}", bin.display()));
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .envs(&self.variables)
            .env("PATH", path)
            .stdout(output)
            .stderr(errors);
        Ok(command)
    }

    fn unstarted(&self, source: std::io::Error) -> LaunchError {
        LaunchError::Start { program: self.program.clone(), source }
    }
}

/// Creates `folder` with its parents.
pub(crate) fn create_folder(folder: &Path) -> Result<(), LaunchError> {
    fs::create_dir_all(folder).map_err(prepare(folder))
}

/// Writes a file that only the lab's user can read, for it holds a password.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<(), LaunchError> {
    let mut options = OpenOptions::new();
    let mut open = options
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .map_err(prepare(file))?;
    open.write_all(text.as_bytes()).map_err(prepare(file))
}

/// Adds a line of the lab's own to a process's log.
pub(crate) fn note(log: &Path, line: &str) -> Result<(), LaunchError> {
    writeln!(append_to(log)?, "lab: {line}").map_err(prepare(log))
}

/// Turns an I/O error on `path` into a [`LaunchError`].
pub(crate) fn prepare(path: &Path) -> impl FnOnce(std::io::Error) -> LaunchError + use<> {
    let path = path.to_owned();
    move |source| LaunchError::Prepare { path, source }
}

fn append_to(log: &Path) -> Result<File, LaunchError> {
    if let Some(parent) = log.parent() {
        create_folder(parent)?;
    }
    OpenOptions::new().create(true).append(true).open(log).map_err(prepare(log))
}
