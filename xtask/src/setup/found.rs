//! Finding programs: the fetched ones first, then the system's.

use std::path::{Path, PathBuf};

use crate::command::Line;

const SYSTEM: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/bin"];

/// Returns whether packages can be installed into the system.
pub(crate) fn is_root() -> bool {
    Line::new("id", ["-u"]).output().is_ok_and(|text| text.trim() == "0")
}

/// Finds `name` on the search path or in a usual place beside it.
pub(crate) fn on_path(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM.iter().map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .map(|file| file.display().to_string())
}

/// Finds `name` among the fetched programs or in the system.
pub(crate) fn program(programs: &Path, name: &str) -> Option<String> {
    let fetched =
        folders(programs).map(|folder| folder.join("bin").join(name)).find(|file| file.is_file());
    fetched.map(|file| file.display().to_string()).or_else(|| on_path(name))
}

/// Finds a Redis-like server: fetched into a folder that starts with `folder`, or the system's own of that version.
pub(crate) fn redis(programs: &Path, name: &str, folder: &str, version: &str) -> Option<String> {
    let fetched = folders(programs)
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(folder))
        })
        .map(|path| path.join("bin").join(name))
        .find(|file| file.is_file());
    if let Some(file) = fetched {
        return Some(file.display().to_string());
    }
    let system = on_path(name)?;
    let said = Line::new(&system, ["--version"]).output().ok()?;
    said.contains(version).then_some(system)
}

/// Finds a PostgreSQL server that can make a database, so one with `initdb` beside it.
pub(crate) fn postgres(programs: &Path) -> Option<String> {
    servers(programs).next().map(|bin| bin.join("postgres").display().to_string())
}

/// Finds a PostgreSQL server whose version starts with `series` and that has the tools which clone, rewind and dump.
pub(crate) fn postgres_with_tools(programs: &Path, series: &str) -> Option<String> {
    let tools = ["psql", "pg_dump", "pg_restore", "pg_basebackup", "pg_rewind"];
    let complete = |bin: &PathBuf| tools.iter().all(|tool| bin.join(tool).is_file());
    let marker = format!(" {series}");
    let bin = servers(programs).filter(complete).find(|bin| {
        let said = Line::new(bin.join("postgres"), ["--version"]).output();
        said.is_ok_and(|said| said.contains(&marker))
    });
    bin.map(|bin| bin.join("postgres").display().to_string())
}

/// The folders with a PostgreSQL server and its `initdb`.
fn servers(programs: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let fetched = folders(programs).map(|folder| folder.join("bin"));
    let packaged = folders(Path::new("/usr/lib/postgresql")).map(|folder| folder.join("bin"));
    let usual = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"]
        .map(PathBuf::from);
    fetched
        .chain(packaged)
        .chain(usual)
        .filter(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
}

/// The folders in `folder`, in the order of their names; none if it does not exist.
fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    paths.into_iter()
}
