//! A program of which the machine has one, and its version.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// A program that is asked for its version when somebody wants to know, which for some takes a while.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    /// What it takes to be told.
    flag: &'static str,
    version: OnceLock<Option<String>>,
}

impl Program {
    /// Finds `name` in the first of `folders` that has it; `flag` makes it tell its version.
    pub(crate) fn find<'f>(
        folders: impl IntoIterator<Item = &'f PathBuf>,
        name: &str,
        flag: &'static str,
    ) -> Option<Self> {
        let mut files = folders.into_iter().map(|folder| folder.join(name));
        let path = files.find(|file| file.is_file())?;
        Some(Self { path, flag, version: OnceLock::new() })
    }

    /// The executable.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version, such as `3.0.2`, or nothing where the program does not tell.
    pub fn version(&self) -> Option<&str> {
        self.version.get_or_init(|| first_version(&said(&self.path, self.flag)?)).as_deref()
    }
}

/// What a program says of its version.
pub(crate) fn said(program: &Path, flag: &str) -> Option<String> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg(flag).output().ok()?;
    // PgPool tells it as an error would be told.
    let told = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let said = String::from_utf8(told).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}

/// The first word that begins with a digit, without what a distribution has added.
pub(crate) fn first_version(said: &str) -> Option<String> {
    let mut words = said.split_whitespace();
    let word = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(word.split(['-', '+']).next().unwrap_or(word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        let check = |said: &str, version: &str| {
            assert_eq!(first_version(said).as_deref(), Some(version), "{said}");
        };
        check("patroni 3.0.2", "3.0.2");
        check("etcd Version: 3.4.23\nGit SHA: Not provided", "3.4.23");
        check("HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/", "2.6.12");
    }
}
