//! Rules about the source that no lint holds.

use std::path::{Path, PathBuf};

use crate::stage::root;

/// Returns every Rust file of ours.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["host", "plugins", "sdk", "tests", "xtask"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_stay_small() {
    let mut large = Vec::new();
    for path in sources() {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        if lines > 400 {
            large.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(large.is_empty(), "{}", large.join("\n"));
}

#[test]
fn crates_stay_home() {
    let homes: [(&str, &[&str]); 6] = [
        ("wasmtime", &["host/runtime"]),
        ("anyhow", &["host/cli"]),
        ("clap", &["host/cli"]),
        ("tokio-postgres", &["host/drivers", "host/store", "host/lab"]),
        ("redis", &["host/drivers", "host/store", "host/lab", "tests"]),
        ("reqwest", &["host/drivers", "host/store", "host/lab", "host/registry"]),
    ];
    for member in ["engine", "runtime", "drivers", "store", "lab", "bundle", "registry", "cli"]
        .map(|name| format!("host/{name}"))
    {
        let manifest = std::fs::read_to_string(root().join(&member).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split_once("[dependencies]").map_or("", |(_, rest)| rest);
        let dependencies = dependencies.split("[dev-dependencies]").next().unwrap();
        for (name, allowed) in homes {
            let uses = dependencies.lines().any(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            });
            assert!(!uses || allowed.contains(&member.as_str()), "{member} depends on {name}");
        }
    }
}

#[test]
fn layers_point_down() {
    let row = ["runtime", "drivers", "store", "lab", "bundle", "registry"];
    for member in row.into_iter().chain(["engine"]) {
        let manifest =
            std::fs::read_to_string(root().join("host").join(member).join("Cargo.toml")).unwrap();
        let rest = manifest.split_once("[dependencies]").map_or("", |(_, rest)| rest);
        let dependencies = rest.split("[dev-dependencies]").next().unwrap();
        for other in row {
            let name = format!("lockstep-{other}");
            assert!(
                other == member || !dependencies.contains(&name),
                "{member} depends on {other}"
            );
        }
        assert!(
            member != "engine" || !dependencies.contains("lockstep-"),
            "the engine depends on a crate above it"
        );
    }
}
