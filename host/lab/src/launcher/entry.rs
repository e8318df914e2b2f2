//! An image's executables, as a folder of scripts, and what a start command does with them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    Launch, LaunchError,
    process::{Prepared, create_folder, prepare},
    start_command::{Paths, words},
};

/// The executables that an image has, by name.
#[derive(Debug)]
pub(crate) struct Entry {
    bin: PathBuf,
    scripts: BTreeMap<String, String>,
    paths: Paths,
}

impl Entry {
    /// An image whose own paths are at `paths`.
    pub(crate) fn new(launch: &Launch, paths: Paths) -> Self {
        Self { bin: launch.scratch.join("bin"), scripts: BTreeMap::new(), paths }
    }

    /// Adds an executable as the body of a shell script, under the folders where images keep it.
    pub(crate) fn with(mut self, name: &str, body: &str, folders: &[&str]) -> Self {
        self.scripts.insert(name.to_owned(), body.to_owned());
        for folder in folders {
            self.paths = self.paths.with(&format!("{folder}/{name}"), self.bin.join(name));
        }
        self
    }

    /// What starts for `command` in place of the image's entry point.
    ///
    /// What the image does not have ends as a process that says so: the path of this machine is not searched, except
    /// by a shell that the command calls itself.
    pub(crate) fn started_by(
        &self,
        launch: &Launch,
        command: &str,
    ) -> Result<Prepared, LaunchError> {
        let words = match words(command) {
            Ok(words) => words,
            Err(reason) => return Ok(Prepared::refusal(&reason, 127)),
        };
        let Some((first, rest)) = words.split_first() else {
            return Ok(Prepared::refusal("the start command is empty", 127));
        };
        self.write()?;
        let rest: Vec<String> = rest.iter().map(|word| self.paths.mapped(word)).collect();
        let shells = ["sh", "/bin/sh", "/usr/bin/sh", "bash", "/bin/bash", "/usr/bin/bash"];
        let prepared = if shells.contains(&first.as_str()) {
            let shell = if first.ends_with("bash") { "/bin/bash" } else { "/bin/sh" };
            Prepared::new(shell, self.variables(launch)).with(rest)
        } else {
            let Some(script) = self.script(&self.paths.mapped(first)) else {
                return Ok(Prepared::refusal(
                    &format!("exec: \"{first}\": executable file not found in $PATH"),
                    127,
                ));
            };
            // The shell reads the script; executing a file that was just written can fail as busy.
            Prepared::new("/bin/sh", self.variables(launch))
                .with([script.into_os_string()])
                .with(rest)
        };
        Ok(Prepared { bin: Some(self.bin.clone()), ..prepared })
    }

    /// The process's variables, with paths of the image moved to where they are here.
    pub(crate) fn variables(&self, launch: &Launch) -> BTreeMap<String, String> {
        let moved = |(name, value): (&String, &String)| (name.clone(), self.paths.mapped(value));
        launch.variables.iter().map(moved).collect()
    }

    fn script(&self, word: &str) -> Option<PathBuf> {
        let path = Path::new(word);
        let name = path.file_name()?.to_str()?;
        let ours = !word.contains('/') || path.parent() == Some(self.bin.as_path());
        (ours && self.scripts.contains_key(name)).then(|| self.bin.join(name))
    }

    fn write(&self) -> Result<(), LaunchError> {
        create_folder(&self.bin)?;
        for (name, body) in &self.scripts {
            let file = self.bin.join(name);
            fs::write(&file, format!("#!/bin/sh\n{body}\n")).map_err(prepare(&file))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
                .map_err(prepare(&file))?;
        }
        Ok(())
    }
}
