//! Asking a person before `lockstep.lock` is changed.

use serde_json::{Value, json};

use super::super::super::apply::confirm;
use crate::args::Consent;
use crate::error::CliError;
use crate::exit::Exit;
use crate::lockfile::{self, Entry, FILE};
use crate::output::Output;
use crate::plugins::Candidate;
use crate::session::Session;

/// Shows what would be taken, has a person agree to it, and writes it. Returns what was done, for `--json`, and whether it was.
///
/// # Errors
/// Nobody agrees, or the entry was changed while a person read.
pub(super) async fn agree(
    session: &Session,
    environment: &str,
    candidate: &Candidate,
    consent: Consent,
    output: &Output,
) -> Result<(Value, bool), CliError> {
    let directory = &session.global.directory;
    let name = &candidate.name;
    let before = lockfile::read(directory)?.entry(environment, name).cloned();
    let answer = |changed: bool| json!({ "environment": environment, "plugin": name, "entry": candidate.entry, "before": before, "changed": changed });
    if before.as_ref().is_some_and(|before| candidate.is_as(before)) {
        output.say(&format!("{FILE} has `{name}` for `{environment}` like that already."));
        return Ok((answer(false), true));
    }
    output.say(&candidate.shown(environment, before.as_ref()));
    if session.global.locked {
        return Err(CliError::words(
            Exit::Usage,
            format!("{FILE} would change, and --locked forbids that"),
        )
        .hint("leave out --locked where a person looks at it"));
    }
    let wider = candidate.wider(before.as_ref());
    let agreed = match (consent.yes, wider.is_empty(), consent.accept_wider) {
        (true, true, _) | (true, false, true) => true,
        (true, false, false) => {
            let words = format!(
                "`{name}` asks for more than before in `{environment}` (marked +), which --yes does not cover"
            );
            return Err(CliError::words(Exit::Refused, words)
                .hint("read what it asks for; if it may have that, add --accept-wider"));
        }
        (false, true, _) => {
            confirm(&format!("have exactly these bytes run in `{environment}`"), output).await?
        }
        (false, false, _) => {
            let agree = format!(
                "have exactly these bytes run in `{environment}`, which ask for more than before (marked +)"
            );
            confirm(&agree, output).await?
        }
    };
    if !agreed {
        output.say(&format!("Not agreed; {FILE} is as it was."));
        return Ok((answer(false), false));
    }
    lockfile::change(directory, |document| {
        if document.entry(environment, name) != before.as_ref() {
            let words =
                format!("somebody else changed `{name}` of `{environment}` in {FILE} meanwhile");
            return Err(CliError::words(Exit::Moved, words).hint("look at it and begin again"));
        }
        document.put(environment, name, candidate.entry.clone());
        Ok(())
    })?;
    output.say(&format!("Written to {FILE}: {}", line(environment, name, &candidate.entry)));
    Ok((answer(true), true))
}

/// Returns an entry in one line.
pub(super) fn line(environment: &str, name: &str, entry: &Entry) -> String {
    use crate::render::brief;
    let signer =
        entry.signer.as_ref().map_or_else(String::new, |it| format!(", signed by `{}`", brief(it)));
    let held = if entry.held { ", held" } else { "" };
    let promoted = entry
        .promoted
        .as_ref()
        .map_or_else(String::new, |it| format!(", promoted from `{}`", brief(&it.from)));
    format!(
        "{environment}  {name} {}  {}  {}{signer}{held}{promoted}",
        brief(&entry.version),
        entry.source,
        entry.digest
    )
}
