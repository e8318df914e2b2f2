//! Where the repository, its build output and the fetched programs are.

use std::path::{Path, PathBuf};

use crate::command::{Failed, Line};

/// The repository that this command belongs to.
pub(crate) struct Place {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
}

impl Place {
    /// Finds the repository: the parent of this package's folder.
    pub(crate) fn find() -> Result<Self, Failed> {
        // `cargo run` sets this at run time, so a moved checkout is found where it is now.
        let package = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        match Path::new(&package).parent() {
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => Err(Failed::new(format!("`{package}` has no parent folder"))),
        }
    }

    /// Where `setup` puts programs that the system does not have; the lab looks there first.
    pub(crate) fn programs(&self) -> PathBuf {
        self.root.join("target").join("programs")
    }

    /// The manifest of the second workspace, once it exists.
    pub(crate) fn plugins(&self) -> Option<PathBuf> {
        let manifest = self.root.join("plugins").join("Cargo.toml");
        manifest.is_file().then_some(manifest)
    }

    /// A `cargo` command that runs at the root of the repository.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Line {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        // Build scripts of dependencies read these too, so with them everything would be built once more.
        Line::new(cargo, arguments).within(&self.root).without(told_by_cargo)
    }

    /// The folder that Cargo builds into, as Cargo itself reports it.
    pub(crate) fn build_output(&self) -> Result<PathBuf, Failed> {
        let metadata =
            self.cargo(["metadata", "--format-version", "1", "--no-deps", "--offline"]).output()?;
        let marker = "\"target_directory\":\"";
        let path = metadata
            .split_once(marker)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(path, _)| path);
        path.map(|path| PathBuf::from(path.replace("\\\\", "\\")))
            .ok_or_else(|| Failed::new("`cargo metadata` names no target directory"))
    }
}

/// Whether Cargo itself sets this variable for a program that it runs.
fn told_by_cargo(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
