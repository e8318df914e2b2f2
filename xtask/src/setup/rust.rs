//! The parts of the Rust toolchain that `rust-toolchain.toml` names.

use std::path::PathBuf;

use super::found;
use crate::{
    command::{Failed, Line},
    place::Place,
};

const TARGET: &str = "wasm32-wasip2";

/// Where the target's libraries are.
pub(crate) fn target() -> Option<String> {
    let libraries = sysroot()?.join("lib/rustlib").join(TARGET).join("lib");
    libraries.is_dir().then(|| libraries.display().to_string())
}

/// Where clippy and rustfmt are.
pub(crate) fn tools() -> Option<String> {
    let bin = sysroot()?.join("bin");
    // A toolchain that does not come from rustup has them on the search path instead.
    let both = |find: &dyn Fn(&str) -> bool| find("cargo-clippy") && find("rustfmt");
    if both(&|name| bin.join(name).is_file()) {
        return Some(bin.display().to_string());
    }
    (found::on_path("rustup").is_none() && both(&|name| found::on_path(name).is_some()))
        .then(|| "on PATH".to_owned())
}

/// Adds the target by rustup, which does not do it by itself under `RUSTUP_AUTO_INSTALL=0`.
pub(crate) fn add_target(place: &Place) -> Result<(), Failed> {
    rustup(place, &["target", "add", TARGET])
}

/// Adds clippy and rustfmt by rustup.
pub(crate) fn add_tools(place: &Place) -> Result<(), Failed> {
    rustup(place, &["component", "add", "clippy", "rustfmt"])
}

fn rustup(place: &Place, arguments: &[&str]) -> Result<(), Failed> {
    if found::on_path("rustup").is_none() {
        return Err(Failed::new(format!(
            "there is no rustup here; with it: rustup {}",
            arguments.join(" ")
        )));
    }
    Line::new("rustup", arguments).within(&place.root).run()
}

fn sysroot() -> Option<PathBuf> {
    // Cargo tells its children which compiler it uses only through the toolchain's own search path.
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let path = Line::new(rustc, ["--print", "sysroot"]).output().ok()?;
    Some(PathBuf::from(path.trim()))
}
