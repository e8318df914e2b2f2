//! The guests of `tests/guests` as components, and folders whose `lockstep.toml` names them as plugins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::stage::{Stage, root};

/// Every guest that tests run.
const GUESTS: [&str; 12] = [
    "chatty", "follower", "greedy", "holder", "huge", "importer", "liar", "minimal", "panic",
    "recurse", "spin", "steady",
];

/// Returns the component of a guest. The first call builds all of them, into a folder that is kept between runs.
pub(crate) fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    assert!(GUESTS.contains(&name), "there is no guest `{name}`");
    BUILT.get_or_init(build).join(format!("lockstep_guest_{name}.wasm"))
}

fn build() -> PathBuf {
    // A folder of its own: the other builds of that workspace have other flags, and cargo's lock keeps two test runs apart.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-wasip2"]);
    cargo.arg("--manifest-path").arg(root().join("plugins/Cargo.toml"));
    cargo.arg("--target-dir").arg(&target);
    for name in GUESTS {
        cargo.args(["--package", &format!("lockstep-guest-{name}")]);
    }
    for inherited in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER"]
    {
        cargo.env_remove(inherited);
    }
    assert!(cargo.status().unwrap().success(), "the guests do not build");
    target.join("wasm32-wasip2/release")
}

/// Everything that the liar asks for.
pub(crate) const ASKED: [(&str, &str, &str, &str); 5] = [
    ("redis", "redis", "read", ""),
    ("redis", "redis", "command", ""),
    ("sql", "postgres", "read", ""),
    ("http", "backup-service", "read", "paths = [\"/health\"]\n"),
    ("railway", "redis", "read", ""),
];

/// Returns `lockstep.toml` with a guest as the plugin of a component that is called like it.
pub(crate) fn toml(name: &str, grants: &[(&str, &str, &str, &str)]) -> String {
    let path = guest(name);
    let table = |(capability, on, access, more): &(&str, &str, &str, &str)| {
        format!(
            "[[environments.lab.grants.{name}]]\ncapability = \"{capability}\"\nname = \"{on}\"\naccess = \"{access}\"\n{more}"
        )
    };
    let head = format!("version = 1\n[plugins.{name}]\npath = \"{}\"\n", path.display());
    std::iter::once(head).chain(grants.iter().map(table)).collect()
}

/// Returns the lines that give a plugin an option.
pub(crate) fn option(plugin: &str, name: &str, value: &str) -> String {
    format!("[environments.lab.options.{plugin}]\n{name} = \"{value}\"\n")
}

/// Writes a folder's `lockstep.toml`.
pub(crate) fn write(stage: &Stage, text: &str) {
    std::fs::write(stage.folder().join("lockstep.toml"), text).unwrap();
}
