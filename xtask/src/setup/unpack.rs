//! Unpacked programs: a folder that appears whole or not at all, and the scripts that start what is in it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::command::{Failed, Line, on};

/// Where Debian's Python packages are, relative to the root.
const PYTHON_MODULES: &str = "usr/lib/python3/dist-packages";

/// A folder in the making. It gets its name when it is complete, so a setup that was stopped leaves nothing half done.
pub(crate) struct Fresh {
    making: PathBuf,
    name: PathBuf,
}

impl Fresh {
    /// Starts the folder `name` of `programs`.
    pub(crate) fn new(programs: &Path, name: &str) -> Result<Self, Failed> {
        let making = programs.join(format!(".{name}.{}", std::process::id()));
        fs::create_dir_all(&making).map_err(on(&making))?;
        Ok(Self { making, name: programs.join(name) })
    }

    /// Where to put things meanwhile.
    pub(crate) fn path(&self) -> &Path {
        &self.making
    }

    /// Gives the folder its name, in place of what had it before.
    pub(crate) fn keep(self) -> Result<(), Failed> {
        if self.name.exists() {
            fs::remove_dir_all(&self.name).map_err(on(&self.name))?;
        }
        fs::rename(&self.making, &self.name).map_err(on(&self.making))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // After `keep` there is nothing left to remove.
        if self.making.exists()
            && let Err(error) = fs::remove_dir_all(&self.making)
        {
            eprintln!("setup: `{}` stays behind: {error}", self.making.display());
        }
    }
}

/// Unpacks Debian packages into `folder/root` and puts a starting script for each program into `folder/bin`.
pub(crate) fn debian(packages: &[PathBuf], folder: &Path) -> Result<(), Failed> {
    let root = folder.join("root");
    fs::create_dir_all(&root).map_err(on(&root))?;
    for package in packages {
        Line::new("dpkg", [Path::new("-x"), package, &root]).output()?;
    }
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(on(&bin))?;
    let mut libraries = vec!["usr/lib".to_owned(), "lib".to_owned()];
    for base in ["usr/lib", "lib"] {
        let multiarch = entries(&root.join(base)).into_iter().filter(|path| path.is_dir());
        let names = multiarch
            .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
        libraries.extend(
            names.filter(|name| name.contains("-linux-gnu")).map(|name| format!("{base}/{name}")),
        );
    }
    let modules = format!("$root/{PYTHON_MODULES}");
    let modules = root.join(PYTHON_MODULES).is_dir().then_some(modules.as_str());
    let mut folders: Vec<PathBuf> =
        ["usr/bin", "usr/sbin", "bin", "sbin"].map(PathBuf::from).to_vec();
    for server in entries(&root.join("usr/lib/postgresql")) {
        if let Ok(inside) = server.join("bin").strip_prefix(&root) {
            folders.push(inside.to_owned());
        }
    }
    for inside in folders {
        for program in entries(&root.join(&inside)) {
            if let Some(name) = program.file_name() {
                starter(&bin.join(name), &inside.join(name), &libraries, modules)?;
            }
        }
    }
    Ok(())
}

/// Makes `file` executable for all.
pub(crate) fn make_executable(file: &Path) -> Result<(), Failed> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).map_err(on(file))
}

/// Writes a script that runs `program` of the unpacked root with the libraries and Python modules that came along.
///
/// It finds the root from its own path, so the folder can be moved, and starts no further program.
fn starter(
    script: &Path,
    program: &Path,
    libraries: &[String],
    modules: Option<&str>,
) -> Result<(), Failed> {
    let search: Vec<String> = libraries.iter().map(|folder| format!("$root/{folder}")).collect();
    let text = format!(
        "#!/bin/sh\nroot=${{0%/*}}/../root\nLD_LIBRARY_PATH=\"{}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
         export LD_LIBRARY_PATH\n{}exec \"$root/{}\" \"$@\"\n",
        search.join(":"),
        modules
            .map(|modules| format!("PYTHONPATH=\"{modules}\"\nexport PYTHONPATH\n"))
            .unwrap_or_default(),
        program.display()
    );
    fs::write(script, text).map_err(on(script))?;
    make_executable(script)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
