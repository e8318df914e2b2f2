//! `lockstep plugin add`, `pin` and `update`: what is taken into the lock file.

use lockstep_engine::model::Digest;
use lockstep_registry::Source;

use super::agree::agree;
use super::place;
use crate::args::{AddArguments, Consent, PinArguments, UpdateArguments};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lockfile::{self, Entry, FILE};
use crate::output::Output;
use crate::plugins::{Ask, Candidate};
use crate::render::tame;
use crate::session::Session;

/// Runs `plugin add`.
pub(crate) async fn add(
    session: &Session,
    arguments: &AddArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let (environment, document) = place(session, session.global.environment.as_deref())?;
    let ask = Ask {
        name: arguments.name.clone(),
        source: arguments.source.clone(),
        digest: None,
        published: None,
        undated: arguments.consent.accept_undated,
    };
    let candidate = Candidate::fetch(session, (&environment, &document), ask).await?;
    let (answer, agreed) =
        agree(session, &environment, &candidate, arguments.consent, output).await?;
    output.json("plugins", &[answer])?;
    Ok(ended(agreed))
}

/// Runs `plugin pin`.
pub(crate) async fn pin(
    session: &Session,
    arguments: &PinArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let (environment, document) = place(session, session.global.environment.as_deref())?;
    let (name, wanted) = match arguments.what.split_once('@') {
        Some((name, wanted)) => (name, Some(wanted)),
        None => (arguments.what.as_str(), None),
    };
    let lock = lockfile::read(&session.global.directory)?;
    let before = lock.entry(&environment, name);
    let source = before.map_or(Source::Bundled, |entry| entry.source.clone());
    let digest = match wanted {
        Some(text) if text.starts_with("sha256:") => {
            Some(text.parse::<Digest>().or_exit(Exit::Usage)?)
        }
        Some(_) => None,
        None => before.map(|entry| entry.digest),
    };
    let version = wanted.filter(|_| digest.is_none());
    let source = version.map_or(Ok(source.clone()), |version| of_version(&source, version))?;
    let ask = Ask {
        name: name.to_owned(),
        source,
        digest,
        published: before.and_then(|entry| entry.published),
        undated: arguments.consent.accept_undated,
    };
    let mut candidate = Candidate::fetch(session, (&environment, &document), ask).await?;
    if let Some(version) = version.filter(|version| *version != candidate.entry.version) {
        let words = format!(
            "the plugin `{name}` from {} calls itself {}, not {version}",
            candidate.entry.source,
            tame(&candidate.entry.version)
        );
        return Err(CliError::words(Exit::Failed, words)
            .hint("name its source: `lockstep plugin add NAME SOURCE`, then pin it"));
    }
    candidate.entry.held = true;
    keep_past(&mut candidate.entry, before);
    let (answer, agreed) =
        agree(session, &environment, &candidate, arguments.consent, output).await?;
    output.json("plugins", &[answer])?;
    Ok(ended(agreed))
}

/// Runs `plugin update`.
pub(crate) async fn update(
    session: &Session,
    arguments: &UpdateArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let (environment, document) = place(session, session.global.environment.as_deref())?;
    let lock = lockfile::read(&session.global.directory)?;
    let entries: Vec<(&str, &Entry)> = match &arguments.name {
        Some(name) => {
            let entry =
                lock.entry(&environment, name).ok_or_else(|| missing(name, &environment))?;
            vec![(name, entry)]
        }
        None => lock.of(&environment).filter(|(_, entry)| !entry.held).collect(),
    };
    if entries.is_empty() {
        output.say(&format!("{FILE} has nothing for `{environment}` that is not held."));
    }
    let Consent { accept_undated, .. } = arguments.consent;
    let (mut answers, mut all) = (Vec::new(), true);
    for (name, before) in entries {
        let ask = Ask {
            name: name.to_owned(),
            source: before.source.clone(),
            digest: None,
            published: None,
            undated: accept_undated,
        };
        let mut candidate = Candidate::fetch(session, (&environment, &document), ask).await?;
        candidate.entry.held = before.held;
        keep_past(&mut candidate.entry, Some(before));
        let (answer, agreed) =
            agree(session, &environment, &candidate, arguments.consent, output).await?;
        answers.push(answer);
        all &= agreed;
    }
    output.json("plugins", &answers)?;
    Ok(ended(all))
}

/// Says that there is nothing of that name.
pub(super) fn missing(name: &str, environment: &str) -> CliError {
    CliError::words(Exit::Usage, format!("{FILE} has no plugin `{name}` for `{environment}`"))
        .hint(format!("`lockstep plugin list -e {environment}` shows what it has; `lockstep plugin add {name} SOURCE -e {environment}` adds it"))
}

/// Keeps of the entry before what is still true of the same bytes.
fn keep_past(entry: &mut Entry, before: Option<&Entry>) {
    if let Some(before) = before.filter(|before| before.digest == entry.digest) {
        entry.promoted.clone_from(&before.promoted);
        entry.published = entry.published.or(before.published);
        entry.manifest = entry.manifest.or(before.manifest);
    }
}

/// Returns the same source at another version, where a version is a tag there.
fn of_version(source: &Source, version: &str) -> Result<Source, CliError> {
    match source {
        Source::Oci(artifact) => {
            format!("oci://{}/{}:{version}", artifact.host(), artifact.repository())
                .parse()
                .or_exit(Exit::Usage)
        }
        Source::Bundled | Source::File(_) | Source::Https(_) => Ok(source.clone()),
    }
}

/// How a command ends whose question was answered.
pub(super) const fn ended(agreed: bool) -> Exit {
    if agreed { Exit::Done } else { Exit::Failed }
}
