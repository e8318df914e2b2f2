//! Where this machine's own package manager looks, and the same mirror's backports.

use std::{fs, path::Path};

use crate::command::{Failed, on};

/// The system's name for its release, such as the one that backports are named after.
fn codename() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let line = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// Writes into `folder` a copy of the machine's sources and, beside it, the backports of the mirror that they name.
///
/// Returns whether there is a mirror to take backports from.
pub(crate) fn with_backports(folder: &Path) -> Result<bool, Failed> {
    fs::create_dir_all(folder).map_err(on(folder))?;
    let parts = Path::new("/etc/apt/sources.list.d");
    let mut files = vec![Path::new("/etc/apt/sources.list").to_owned()];
    files.extend(
        fs::read_dir(parts).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()),
    );
    let Some(codename) = codename() else { return Ok(false) };
    let mut backports = None;
    for file in files {
        let known = file.extension().is_some_and(|kind| kind == "list" || kind == "sources");
        let (true, Some(name), Ok(text)) = (known, file.file_name(), fs::read_to_string(&file))
        else {
            continue;
        };
        let copy = folder.join(name);
        fs::write(&copy, &text).map_err(on(&copy))?;
        backports = backports
            .or_else(|| in_stanzas(&text, &codename))
            .or_else(|| in_lines(&text, &codename));
    }
    let Some(line) = backports else { return Ok(false) };
    let extra = folder.join("lockstep-backports.list");
    fs::write(&extra, line).map_err(on(&extra))?;
    Ok(true)
}

/// The backports line for the stanza format, if a stanza serves the release itself.
fn in_stanzas(text: &str, codename: &str) -> Option<String> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches(':').trim().to_owned())
        };
        if !field("Suites")?.split_whitespace().any(|suite| suite == codename) {
            return None;
        }
        let mirror = field("URIs")?.split_whitespace().next()?.to_owned();
        let signed =
            field("Signed-By").map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
        Some(format!("deb {signed}{mirror} {codename}-backports main\n"))
    })
}

/// The backports line for the one-line format.
fn in_lines(text: &str, codename: &str) -> Option<String> {
    text.lines().filter(|line| line.starts_with("deb ")).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let suite = words.iter().position(|word| *word == codename)?;
        let before = words.get(..suite)?.join(" ");
        Some(format!("{before} {codename}-backports main\n"))
    })
}
