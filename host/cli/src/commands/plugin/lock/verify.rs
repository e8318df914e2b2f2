//! `lockstep plugin verify`: every entry of the lock file, proven as before a plan.

use lockstep_registry::Source;
use serde_json::json;

use super::agree::line;
use super::place;
use crate::config::EnvironmentDocument;
use crate::error::CliError;
use crate::exit::Exit;
use crate::lockfile::{self, Entry, FILE};
use crate::output::Output;
use crate::plugins::{Ask, Candidate, beyond, granted, one, proven};
use crate::session::Session;

/// Runs the command.
pub(crate) async fn verify(session: &Session, output: &Output) -> Result<Exit, CliError> {
    let lock = lockfile::read(&session.global.directory)?;
    let only = match session.global.environment.as_deref() {
        Some(wanted) => Some(place(session, Some(wanted))?.0),
        None => None,
    };
    let (mut rows, mut wrong) = (Vec::new(), 0_usize);
    for environment in lock.environments.keys() {
        if only.as_ref().is_some_and(|only| only != environment) {
            continue;
        }
        for (name, entry) in lock.of(environment) {
            let found = match place(session, Some(environment)) {
                Ok((_, document)) => fault(session, (environment, &document), name, entry).await,
                Err(error) => Some(error),
            };
            let mark = if found.is_some() { "✗" } else { "✓" };
            output.say(&format!("{mark} {}", line(environment, name, entry)));
            let causes: Vec<String> = found
                .iter()
                .flat_map(|error| error.error.chain())
                .map(ToString::to_string)
                .collect();
            let hints = found.as_ref().map(|error| error.hints.clone()).unwrap_or_default();
            for cause in &causes {
                output.say(&format!("    {cause}"));
            }
            for hint in &hints {
                output.say(&format!("    Hint: {hint}"));
            }
            wrong += usize::from(found.is_some());
            rows.push(json!({ "environment": environment, "plugin": name, "digest": entry.digest, "right": causes.is_empty(), "causes": causes, "hints": hints }));
        }
    }
    if rows.is_empty() {
        output.say(&format!("{FILE} has nothing to prove. `lockstep plugin add` begins it."));
    }
    output.json("verified", &json!({ "plugins": rows, "wrong": wrong }))?;
    Ok(if wrong == 0 { Exit::Done } else { Exit::Failed })
}

/// Returns what is wrong with an entry.
async fn fault(
    session: &Session,
    place: (&str, &EnvironmentDocument),
    name: &str,
    entry: &Entry,
) -> Option<CliError> {
    let bundled = entry.source == Source::Bundled;
    let description = if bundled {
        let ask = Ask {
            name: name.to_owned(),
            source: Source::Bundled,
            digest: Some(entry.digest),
            published: None,
            undated: true,
        };
        match Candidate::fetch(session, place, ask).await {
            Ok(now)
                if now.entry.requests == entry.requests && now.entry.version == entry.version =>
            {
                now.description
            }
            Ok(_) => {
                let words = format!(
                    "what {FILE} says of its requests or its version is not what it says itself"
                );
                return Some(CliError::words(Exit::Failed, words).hint(format!(
                    "`lockstep plugin pin {name} -e {}` shows what it really asks for",
                    place.0
                )));
            }
            Err(error) => return Some(error),
        }
    } else {
        match proven(session, place, name, entry).await {
            Ok(loaded) => loaded.description,
            Err(error) => return Some(error),
        }
    };
    let grant = granted(place.1, name, &description, bundled);
    let wider = beyond(&grant, &entry.grants);
    let wider = wider.first()?;
    let words = format!("lockstep.toml grants it {} now, which {FILE} does not have", one(wider));
    Some(CliError::words(Exit::Failed, words).hint(format!(
        "`lockstep plugin pin {name} -e {}` takes what lockstep.toml grants into {FILE}",
        place.0
    )))
}
