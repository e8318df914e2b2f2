//! `cargo xtask test`: every test of both workspaces.

use crate::{
    command::{Failed, Line},
    place::Place,
    setup,
};

/// Installs what is missing, builds the plugins and runs all tests.
pub(crate) fn run(place: &Place, arguments: &[String]) -> Result<(), Failed> {
    setup::install(place)?;
    // The bundle's build script builds the second workspace, so tests that load a plugin find its newest bytes.
    place.cargo(["build", "--package", "lockstep-bundle"]).run()?;
    let programs = place.programs();
    if let Some(guests) = guests(place)? {
        guests.run()?;
    }
    if let Some(examples) = examples(place) {
        examples.run()?;
    }
    place.cargo(["test", "--workspace"]).with(arguments).env("LOCKSTEP_PROGRAMS", &programs).run()
}

/// The tests of the second workspace, which run natively: those of its libraries and of their test files.
///
/// A guest's `cdylib` does not link natively, so `--workspace` alone would fail.
fn guests(place: &Place) -> Result<Option<Line>, Failed> {
    let Some(manifest) = place.plugins() else { return Ok(None) };
    let packages = tested_packages(place)?;
    if packages.is_empty() {
        return Ok(None);
    }
    let manifest = manifest.display().to_string();
    let line = place.cargo(["test", "--lib", "--manifest-path", manifest.as_str()]);
    Ok(Some(packages.iter().fold(line, |line, package| line.with(["--package", package.as_str()]))))
}

/// The examples in the documentation for plugin authors.
fn examples(place: &Place) -> Option<Line> {
    let manifest = place.plugins()?.display().to_string();
    let line = place.cargo(["test", "--doc", "--all-features", "--package", "lockstep-sdk"]);
    Some(line.with(["--manifest-path", manifest.as_str()]))
}

/// The packages of the second workspace with unit tests.
fn tested_packages(place: &Place) -> Result<Vec<String>, Failed> {
    let mut packages = Vec::new();
    let mut folders = vec![place.root.join("sdk")];
    folders.extend(folders_in(&place.root.join("plugins"))?);
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else { continue };
        if has_unit_tests(&folder.join("src"))?
            && let Some(name) = package_name(&text)
        {
            packages.push(name);
        }
    }
    Ok(packages)
}

fn folders_in(folder: &std::path::Path) -> Result<Vec<std::path::PathBuf>, Failed> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(crate::command::on(folder))? {
        let path = entry.map_err(crate::command::on(folder))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn has_unit_tests(sources: &std::path::Path) -> Result<bool, Failed> {
    for entry in std::fs::read_dir(sources).map_err(crate::command::on(sources))? {
        let path = entry.map_err(crate::command::on(sources))?.path();
        let tested = if path.is_dir() {
            has_unit_tests(&path)?
        } else {
            std::fs::read_to_string(&path).is_ok_and(|text| text.contains("#[test]"))
        };
        if tested {
            return Ok(true);
        }
    }
    Ok(false)
}

fn package_name(manifest: &str) -> Option<String> {
    let line = manifest.lines().find(|line| line.trim_start().starts_with("name"))?;
    let (_, value) = line.split_once('=')?;
    Some(value.trim().trim_matches('"').to_owned())
}
