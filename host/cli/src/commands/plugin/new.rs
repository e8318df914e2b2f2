//! `lockstep plugin new`: a folder that builds at once.
//!
//! The SDK and the contract are written into it, so that it needs neither a clone of Lockstep nor a published crate, and stays
//! with the contract that it was begun with. What a Rust plugin still takes from elsewhere, its lock file names by digest.

use std::path::Path;

use lockstep_bundle::{Source, sources};

use crate::args::{Global, Language, NewArguments};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// What stands for the plugin's name in the templates.
const NAME: &str = "PLUGIN_NAME";

/// One file to write: its path in the folder, and what is in it.
type Written = (String, String);

/// Runs the command.
pub(crate) fn new(
    global: &Global,
    arguments: &NewArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let name = checked(&arguments.name)?;
    let folder = global.directory.join(name);
    if folder.exists() {
        let words = format!("`{}` is there already", folder.display());
        return Err(CliError::words(Exit::Usage, words)
            .hint("nothing was written; choose another name, or move the folder away"));
    }
    let files = files(name, arguments.lang)?;
    // Made beside its place and moved there as a whole, so that half a plugin is never left under its name.
    let aside = global.directory.join(format!(".{name}.{}", std::process::id()));
    let made = write(&aside, &files).and_then(|()| std::fs::rename(&aside, &folder));
    if let Err(error) = made {
        let _removed = std::fs::remove_dir_all(&aside);
        let words = format!("could not write the plugin's folder `{}`", folder.display());
        return Err(CliError::new(Exit::Failed, anyhow::Error::new(error).context(words)).hint(
            "nothing is left of it; is there room, and does the folder around it belong to you?",
        ));
    }
    output.say(&format!("Plugin `{name}` is begun in {}.", folder.display()));
    for line in next(name, arguments.lang) {
        output.say(&format!("  {line}"));
    }
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    output
        .json("plugin", &serde_json::json!({ "name": name, "folder": folder, "files": paths }))?;
    Ok(Exit::Done)
}

/// Returns a name that packages, labels and files can have.
fn checked(name: &str) -> Result<&str, CliError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=40).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(plain);
    if fits {
        return Ok(name);
    }
    Err(CliError::words(Exit::Usage, format!("`{name}` is no name of a plugin")).hint(
        "1 to 40 lowercase letters, digits and hyphens, beginning with a letter: the name of the service that it upgrades is a good one",
    ))
}

fn next(name: &str, language: Language) -> Vec<String> {
    let mut lines = match language {
        Language::Rust => vec![format!("its tests:  cd {name} && cargo test")],
        Language::Js => vec![format!("its tools:  cd {name} && npm install")],
        Language::Python => vec![format!(
            "its tools:  cd {name} && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
        )],
    };
    lines.push(format!("build it:   lockstep plugin build {name}"));
    lines.push(format!("look at it: lockstep plugin inspect {name}/target/{name}.wasm"));
    lines
}

fn files(name: &str, language: Language) -> Result<Vec<Written>, CliError> {
    let named = |path: &str, text: &str| (path.to_owned(), text.replace(NAME, name));
    let mut files = given("wit/");
    match language {
        Language::Rust => {
            files.extend(given("sdk/src/"));
            files.extend([
                named("Cargo.toml", &manifest()?),
                named("Cargo.lock", &lock()?),
                ("rust-toolchain.toml".to_owned(), source("rust-toolchain.toml")?.to_owned()),
                ("sdk/Cargo.toml".to_owned(), sdk_manifest()?),
                named("src/lib.rs", include_str!("templates/rust/lib.rs")),
                named("src/tests.rs", include_str!("templates/rust/tests.rs")),
                named(".gitignore", "/target\n"),
            ]);
        }
        Language::Js => files.extend([
            named("plugin.js", include_str!("templates/js/plugin.js")),
            named("build.mjs", include_str!("templates/js/build.mjs")),
            named("package.json", include_str!("templates/js/package.json")),
            named(".gitignore", "/target\n/node_modules\n"),
        ]),
        Language::Python => files.extend([
            named("plugin.py", include_str!("templates/python/plugin.py")),
            named("requirements.txt", include_str!("templates/python/requirements.txt")),
            named(".gitignore", "/target\n/.venv\n__pycache__\n"),
        ]),
    }
    files.sort();
    Ok(files)
}

/// Returns the files of Lockstep's own sources below a folder, under the same paths.
fn given(folder: &str) -> Vec<Written> {
    let inside = sources().iter().filter(|source| source.path.starts_with(folder));
    inside.map(|Source { path, text }| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn source(path: &str) -> Result<&'static str, CliError> {
    let found = sources().iter().find(|source| source.path == path);
    found.map(|source| source.text).ok_or_else(|| incomplete(path))
}

fn incomplete(what: &str) -> CliError {
    CliError::words(Exit::Failed, format!("this binary does not hold `{what}` of the SDK"))
        .hint("this is a fault of its build; nothing was written")
}

/// Returns the manifest: the plugin's own, and the part of Lockstep's that says how components are compiled.
fn manifest() -> Result<String, CliError> {
    const SHARED: &str = "[workspace.package]";
    let (_, rest) =
        source("plugins/Cargo.toml")?.split_once(SHARED).ok_or_else(|| incomplete(SHARED))?;
    let shared = rest.replace("path = \"../sdk\"", "path = \"sdk\"");
    Ok(format!("{}\n{SHARED}{shared}", include_str!("templates/rust/Cargo.toml.in")))
}

/// Returns the SDK's manifest as a member of the plugin's workspace.
fn sdk_manifest() -> Result<String, CliError> {
    const MEMBER: &str = "workspace = \"../plugins\"\n";
    Ok(source("sdk/Cargo.toml")?.replace(MEMBER, ""))
}

/// Returns the lock file: of Lockstep's own for plugins, what the SDK needs.
fn lock() -> Result<String, CliError> {
    let all = source("plugins/Cargo.lock")?;
    let (head, packages) =
        all.split_once("[[package]]\n").ok_or_else(|| incomplete("Cargo.lock"))?;
    let own = format!(
        "name = \"lockstep-plugin-{NAME}\"\nversion = \"0.1.0\"\ndependencies = [\n \"lockstep-sdk\",\n]\n"
    );
    let is_kept = |package: &&str| {
        package.contains("\nsource = ") || package.starts_with("name = \"lockstep-sdk\"\n")
    };
    let others = packages.split("\n[[package]]\n").map(str::trim_end).filter(is_kept);
    let mut packages: Vec<&str> = others.chain([own.trim_end()]).collect();
    packages.sort_unstable();
    let packages: Vec<String> =
        packages.iter().map(|package| format!("[[package]]\n{package}\n")).collect();
    Ok(format!("{head}{}", packages.join("\n")))
}

fn write(folder: &Path, files: &[Written]) -> std::io::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(around) = path.parent() {
            std::fs::create_dir_all(around)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_packages_and_labels_can_have() {
        for good in ["minio", "click-house-2", "a"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in
            ["", "Minio", "2minio", "mi nio", "../minio", "minio-", "mi_nio", &"a".repeat(41)]
        {
            let error = checked(bad).unwrap_err();
            assert_eq!((error.exit, error.hints.len()), (Exit::Usage, 1), "{bad}");
        }
    }

    #[test]
    fn what_a_rust_plugin_is_begun_with_is_one_workspace_with_the_sdk_in_it() {
        let files = files("minio", Language::Rust).unwrap();
        let file = |path: &str| {
            let found = files.iter().find(|(known, _)| known == path);
            found.unwrap_or_else(|| panic!("there is no {path}")).1.as_str()
        };
        let manifest: toml::Table = toml::from_str(file("Cargo.toml")).unwrap();
        let workspace = manifest["workspace"].as_table().unwrap();
        assert_eq!(workspace["dependencies"]["lockstep-sdk"]["path"].as_str(), Some("sdk"));
        assert_eq!(manifest["profile"]["release"]["strip"].as_bool(), Some(true));
        let sdk: toml::Table = toml::from_str(file("sdk/Cargo.toml")).unwrap();
        assert!(!sdk["package"].as_table().unwrap().contains_key("workspace"));
        let lock: toml::Table = toml::from_str(file("Cargo.lock")).unwrap();
        let names: Vec<&str> = lock["package"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| package["name"].as_str().unwrap())
            .collect();
        assert!(names.is_sorted() && names.contains(&"wit-bindgen"), "{names:?}");
        assert!(names.contains(&"lockstep-plugin-minio") && !names.contains(&"lockstep-redis"));
        for (path, text) in &files {
            assert!(!text.contains(NAME) || path.starts_with("sdk/"), "{path}");
        }
    }
}
