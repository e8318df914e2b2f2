//! How a component is compiled so that its bytes depend on its sources and the compiler alone: what this crate's build script
//! does for the bundled plugins, and `lockstep plugin build` for everybody's.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that plugins are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// Variables of cargo that say where things are and how they are fetched. All others are about the build around.
const KEPT: &[&str] =
    &["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];

/// Returns whether a variable would change the bytes, so that the compiler must not be given it.
pub fn is_foreign(variable: &OsStr) -> bool {
    let Some(name) = variable.to_str() else { return false };
    let about_cargo = name.starts_with("CARGO") && !KEPT.iter().any(|kept| name.starts_with(kept));
    about_cargo || (name.starts_with("RUST") && !name.starts_with("RUSTUP_"))
}

/// Returns the compiler's flags, as `CARGO_ENCODED_RUSTFLAGS` has them: every path of this machine gets a name that is the
/// same on all machines. `folder` becomes `name`. `rustc` is called in `folder`, where rustup may choose another one.
///
/// # Errors
/// The compiler can't be called, or does not say where its library is.
pub fn flags(
    rustc: &Path,
    cargo_home: Option<PathBuf>,
    folder: &Path,
    name: &str,
) -> io::Result<OsString> {
    let verbose = ask(rustc, folder, &["--version", "--verbose"])?;
    let commit = verbose
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .unwrap_or("unknown")
        .to_owned();
    let sysroot = ask(rustc, folder, &["--print", "sysroot"])?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    let mut flags = OsString::new();
    // The last one that fits wins, and a folder may lie inside cargo's home.
    let names = [
        (Some(library), format!("/rustc/{commit}")),
        (cargo_home, "/cargo".to_owned()),
        (Some(folder.to_owned()), name.to_owned()),
    ];
    for (path, name) in names {
        let Some(path) = path else { continue };
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(path);
        flags.push("=");
        flags.push(name);
    }
    Ok(flags)
}

/// Returns whether `rustc`, as it is chosen in `folder`, has [`TARGET`].
///
/// # Errors
/// The compiler can't be called.
pub fn has_target(rustc: &Path, folder: &Path) -> io::Result<bool> {
    let library = ask(rustc, folder, &["--print", "target-libdir", "--target", TARGET])?;
    Ok(Path::new(library.trim()).is_dir())
}

fn ask(rustc: &Path, folder: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(rustc).current_dir(folder).args(arguments).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!("`{}` says: {said}", rustc.display())));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
