//! Programs of this machine that Lockstep calls.

use std::path::{Path, PathBuf};

use crate::args::Surroundings;

/// Says where `cargo xtask setup` puts programs.
const FETCHED: &str = "LOCKSTEP_PROGRAMS";

/// Where Debian's and Ubuntu's packages put each version of PostgreSQL.
const PACKAGED: &str = "/usr/lib/postgresql";

/// Returns the folder that `cargo xtask setup` fills: the named one, or the one beside this executable's own folder.
pub(crate) fn fetched(surroundings: &Surroundings) -> PathBuf {
    let beside = || {
        let executable = std::env::current_exe().ok()?;
        Some(executable.parent()?.parent()?.join("programs"))
    };
    surroundings.get(FETCHED).map(PathBuf::from).or_else(beside).unwrap_or_default()
}

/// Returns the folders that may hold `pg_dump`, the system's own first.
pub(crate) fn of_postgres(surroundings: &Surroundings) -> Vec<PathBuf> {
    let paths = surroundings.get("PATH").unwrap_or_default();
    let mut folders = bins(Path::new(PACKAGED));
    folders.extend(std::env::split_paths(paths));
    folders.extend(bins(&fetched(surroundings)));
    folders
}

/// Returns the folders `*/bin` below a folder, in order.
fn bins(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut bins: Vec<PathBuf> = entries.map(|entry| entry.path().join("bin")).collect();
    bins.sort();
    bins
}
