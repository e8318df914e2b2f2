//! Running other programs, and saying which one failed and how.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::Path,
    process::{Command, Stdio},
};

/// Why a developer's command ended early, in words for the developer.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl Failed {
    /// A failure that reads as `message`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Turns an I/O error on `path` into a failure.
pub(crate) fn on(path: &Path) -> impl FnOnce(std::io::Error) -> Failed + use<'_> {
    move |error| Failed::new(format!("`{}`: {error}", path.display()))
}

/// One command line.
pub(crate) struct Line(Command);

impl Line {
    /// The program with its arguments.
    pub(crate) fn new<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        Self(command)
    }

    /// Runs it in `folder`.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Adds arguments.
    pub(crate) fn with<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Keeps the variables whose names are `unwanted` from it.
    pub(crate) fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(&unwanted) {
                self.0.env_remove(name);
            }
        }
        self
    }

    /// Runs it with this command's own output, announced by one line.
    pub(crate) fn run(mut self) -> Result<(), Failed> {
        eprintln!("$ {}", self.text());
        let status = self.0.status().map_err(|error| self.unstarted(&error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failed::new(format!("`{}` failed: {status}", self.text())))
        }
    }

    /// Runs it silently; a failure carries what it had said.
    pub(crate) fn output(mut self) -> Result<String, Failed> {
        let output = self.0.output().map_err(|error| self.unstarted(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failed::new(format!(
            "`{}` failed: {}\n{}",
            self.text(),
            output.status,
            said.trim_end()
        )))
    }

    fn unstarted(&self, error: &std::io::Error) -> Failed {
        Failed::new(format!("could not start `{}`: {error}", self.0.get_program().display()))
    }

    fn text(&self) -> String {
        let program = Path::new(self.0.get_program()).file_name().unwrap_or_default().to_owned();
        let words: Vec<OsString> =
            std::iter::once(program).chain(self.0.get_args().map(OsStr::to_os_string)).collect();
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }
}
