//! `cargo xtask ci`: what has to pass before a push.

use crate::{
    command::{Failed, Line},
    place::Place,
    setup, test,
};

/// Checks format and lints of both workspaces, runs all tests, and refuses a tree that these left changed.
pub(crate) fn run(place: &Place) -> Result<(), Failed> {
    setup::install(place)?;
    let before = changes(place)?;
    place.cargo(["fmt", "--all", "--check"]).run()?;
    let plugins = place.plugins().map(|manifest| manifest.display().to_string());
    if let Some(manifest) = &plugins {
        place.cargo(["fmt", "--all", "--check", "--manifest-path", manifest]).run()?;
    }
    let lint = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    place.cargo(lint).run()?;
    if let Some(manifest) = &plugins {
        let target = ["clippy", "--workspace", "--all-features", "--target", "wasm32-wasip2"];
        let rest = ["--locked", "--manifest-path", manifest.as_str(), "--", "-D", "warnings"];
        place.cargo(target).with(rest).run()?;
    }
    test::run(place, &[])?;
    let after = changes(place)?;
    if after == before {
        return Ok(());
    }
    Err(Failed::new(format!("the run changed files that are in the repository:\n{after}")))
}

/// What Git says has changed; work that a developer had not committed before the run is not the run's.
fn changes(place: &Place) -> Result<String, Failed> {
    let status = Line::new("git", ["status", "--porcelain"]).within(&place.root).output()?;
    let contents = Line::new("git", ["diff", "--no-ext-diff"]).within(&place.root).output()?;
    Ok(status + &contents)
}
