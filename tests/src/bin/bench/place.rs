//! Where the repository and this build are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fallible;

/// Returns the repository's root.
fn root() -> Fallible<&'static Path> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the repository has no root")?)
}

/// Returns the folder that this program was built into.
fn built() -> Fallible<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("this program is in no folder")?.to_owned())
}

/// Returns the `lockstep` that was built with this program.
pub(crate) fn lockstep() -> Fallible<PathBuf> {
    let path = built()?.join("lockstep");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("there is no `{}`; `cargo xtask bench` builds it", path.display()).into())
}

/// Builds the runtime's test guest, which calls the host as often as it is told, and returns its bytes.
pub(crate) fn guest() -> Fallible<Vec<u8>> {
    let folder = root()?.join("host/runtime/tests/guest");
    Ok(std::fs::read(build(&folder.join("Cargo.toml"), "lockstep_runtime_guest")?)?)
}

/// Builds the guest of the tests whose runs are many, and returns where it is.
pub(crate) fn steady() -> Fallible<PathBuf> {
    build(&root()?.join("tests/guests/steady/Cargo.toml"), "lockstep_guest_steady")
}

/// Builds one component.
fn build(manifest: &Path, name: &str) -> Fallible<PathBuf> {
    let target = built()?.join("bench-guest");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-wasip2"]);
    cargo.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target);
    for inherited in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"]
    {
        cargo.env_remove(inherited);
    }
    if !cargo.status()?.success() {
        return Err(format!("`{}` does not build", manifest.display()).into());
    }
    Ok(target.join("wasm32-wasip2/release").join(format!("{name}.wasm")))
}

/// Returns the bytes of a plugin that comes with Lockstep.
pub(crate) fn plugin(name: &str) -> Fallible<&'static [u8]> {
    let found = lockstep_bundle::bundled().iter().find(|bundled| bundled.name == name);
    Ok(found.ok_or_else(|| format!("this build is without the plugin `{name}`"))?.bytes)
}
