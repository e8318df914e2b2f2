//! Builds the bundled plugins, always in the same way, so that their digests are the same on every machine.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// Variables that the inner cargo is given: where things are, and how registries are reached. Everything else of this
/// build (wrappers, flags, folders) would change the bytes.
const KEPT: [&str; 8] =
    ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR", "LD_LIBRARY_PATH", "RUSTUP_AUTO_INSTALL"];

/// Beginnings of variables that say how registries are reached.
const KEPT_BEGINNINGS: [&str; 8] =
    ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "SSL_", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for watched in ["plugins/Cargo.toml", "plugins/Cargo.lock", "sdk", "wit", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo::rerun-if-env-changed=LOCKSTEP_NO_PLUGINS");
    let plugins = plugins(&root.join("plugins"))?;
    for plugin in &plugins {
        println!("cargo::rerun-if-changed={}", root.join("plugins").join(plugin).display());
    }
    let built = if env::var_os("LOCKSTEP_NO_PLUGINS").is_some() {
        Vec::new()
    } else if has_target()? {
        build(&root, &plugins)?
    } else {
        println!("cargo::warning=the target {TARGET} is not installed: this lockstep is built without its plugins (`cargo xtask setup`)");
        Vec::new()
    };
    let mut list = String::from("&[\n");
    for (name, path) in built {
        let path = path.to_str().ok_or("a path is not text")?;
        writeln!(list, "    Bundled {{ name: {name:?}, bytes: include_bytes!({path:?}) }},")?;
    }
    list.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("bundled.rs"), list)?;
    Ok(())
}

/// Returns the names of the folders that hold a plugin, sorted.
fn plugins(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn has_target() -> Result<bool, Box<dyn std::error::Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let output = Command::new(rustc).args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(output.stdout)?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).exists())
}

fn build(root: &Path, plugins: &[String]) -> Result<Vec<(String, PathBuf)>, Box<dyn std::error::Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    // Its own folder in this build's, so that two builds at once do not wait for each other.
    let target = PathBuf::from(env::var("OUT_DIR")?).join("plugins");
    let mut command = Command::new(cargo);
    command.current_dir(root.join("plugins")).env_clear();
    for (name, value) in env::vars_os() {
        let known = name.to_str().is_some_and(|name| {
            KEPT.contains(&name) || KEPT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        });
        if known {
            command.env(name, value);
        }
    }
    command.env("RUSTFLAGS", remapped(root)).env("CARGO_TARGET_DIR", &target);
    command.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
    for plugin in plugins {
        command.args(["--package", &format!("lockstep-plugin-{plugin}")]);
    }
    let status = command.status()?;
    if !status.success() {
        return Err(format!("the plugins do not build: {status}").into());
    }
    let output = target.join(TARGET).join("release");
    Ok(plugins.iter().map(|name| (name.clone(), output.join(format!("{}.wasm", name.replace('-', "_"))))).collect())
}

/// Returns flags that take this machine's folders out of the bytes.
fn remapped(root: &Path) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut flags = format!("--remap-path-prefix={}=/lockstep", root.display());
    if let Some(home) = home {
        flags.push_str(&format!(" --remap-path-prefix={}=/cargo", home.display()));
    }
    flags
}
