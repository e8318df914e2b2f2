//! A plugin that is to be taken into `lockstep.lock`: what it is, what differs from what is there, and what must be agreed to.

use jiff::Timestamp;
use lockstep_engine::model::{Description, Digest, Grantable, Millis};
use lockstep_engine::policy::Grant;
use lockstep_registry::{Fetched, Source};

use super::checked::{asked, one, signer};
use super::installed::upgrading;
use super::sources::from_folder;
use super::{Origin, granted, load, registry, unfetched};
use crate::args::age;
use crate::clock::now;
use crate::config::EnvironmentDocument;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lockfile::Entry;
use crate::render::{brief, plural};
use crate::session::Session;

/// What is asked of a source.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The plugin's name, which is the component.
    pub(crate) name: String,
    /// Where it comes from.
    pub(crate) source: Source,
    /// Exactly these bytes; none for what the source has now.
    pub(crate) digest: Option<Digest>,
    /// When it was published, where that is known already.
    pub(crate) published: Option<Timestamp>,
    /// Whether a person takes it though nobody tells when it was published.
    pub(crate) undated: bool,
}

/// A plugin that is to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Its name.
    pub(crate) name: String,
    /// What would be written.
    pub(crate) entry: Entry,
    /// What it says of itself.
    pub(crate) description: Description,
    /// What of its requests lockstep.toml does not grant, as lines to add.
    lines: Vec<String>,
    /// How many bytes it has.
    size: usize,
}

impl Candidate {
    /// Fetches what is asked for, and looks at it as the environment wants it looked at.
    ///
    /// # Errors
    /// It can't be had, is no plugin for that component, is not signed as it must be, or is too new.
    pub(crate) async fn fetch(
        session: &Session,
        place: (&str, &EnvironmentDocument),
        ask: Ask,
    ) -> Result<Self, CliError> {
        let Ask { name, source, digest, published, undated } = ask;
        let bundled = source == Source::Bundled;
        let fetched = if bundled {
            of_binary(&name)?
        } else {
            let registry = registry(&session.global, &session.surroundings)?;
            let from = from_folder(&source, &session.global.directory);
            match &digest {
                Some(digest) => registry.pinned(&from, digest).await,
                None => registry.resolve(&from).await,
            }
            .map_err(unfetched)?
        };
        if let Some(wanted) = digest.filter(|wanted| *wanted != fetched.digest) {
            return Err(CliError::words(
                Exit::Failed,
                format!("the plugin `{name}` from {source} is {}, not {wanted}", fetched.digest),
            )
            .hint("name the source that has those bytes: `lockstep plugin add`"));
        }
        let published = fetched.created.or(published);
        let signer =
            if bundled { None } else { signer(&session.global.directory, place, &fetched)? };
        if !bundled {
            old_enough(place, &name, published, undated)?;
        }
        let inspection = lockstep_runtime::inspect(&fetched.bytes).or_exit(Exit::Failed)?;
        let contract = inspection.contract().unwrap_or("none").to_owned();
        let origin = if bundled {
            Origin::Bundled
        } else {
            Origin::Locked { source: source.to_string(), signer: signer.clone() }
        };
        let loaded = load(&session.runtime()?, fetched.bytes.to_vec(), origin).await?;
        let loaded = if bundled { loaded } else { upgrading(loaded, &name)? };
        let grant = granted(place.1, &name, &loaded.description, bundled);
        let grant = grant.written_for(place.0, &name);
        let requests = asked(&loaded.description.requests);
        let missing = grant.missing(&requests);
        let lines = missing.map(|request| grant.lines(request)).collect();
        let entry = Entry {
            version: loaded.description.version.clone(),
            source,
            digest: fetched.digest,
            manifest: fetched.manifest,
            contract,
            signer,
            published,
            added: stamp(),
            held: false,
            promoted: None,
            grants: asked(grant.entries()),
            requests,
        };
        Ok(Self { name, entry, description: loaded.description, lines, size: fetched.bytes.len() })
    }

    /// Returns what it asks for beyond what `before` asked for.
    pub(crate) fn wider(&self, before: Option<&Entry>) -> Vec<Grantable> {
        let Some(before) = before else { return Vec::new() };
        let known = Grant::new(before.requests.clone());
        known.missing(&self.entry.requests).cloned().collect()
    }

    /// Returns whether the entry would say the same as `before`, but for when it was taken.
    pub(crate) fn is_as(&self, before: &Entry) -> bool {
        Entry { added: before.added, ..self.entry.clone() } == *before
    }

    /// Shows what it is and what differs.
    pub(crate) fn shown(&self, environment: &str, before: Option<&Entry>) -> String {
        let Entry {
            version, source, digest, manifest, contract, signer, published, requests, ..
        } = &self.entry;
        let was = |old: Option<String>, new: &str| match old {
            Some(old) if old != new => format!("{new}   (before: {old})"),
            Some(_) | None => new.to_owned(),
        };
        let nobody = || "nobody whose key is among this environment's `signers`".to_owned();
        let author = |entry: &Entry| entry.signer.clone().unwrap_or_else(nobody);
        let unknown = || "nobody tells".to_owned();
        let published = published.map_or_else(unknown, |time| format!("{time:.0}"));
        let mut rows = vec![
            ("plugin", format!("{} for `{environment}`", self.name)),
            ("version", was(before.map(|it| brief(&it.version)), &brief(version))),
            ("source", was(before.map(|it| it.source.to_string()), &source.to_string())),
            ("digest", was(before.map(|it| it.digest.to_string()), &digest.to_string())),
            ("size", plural(self.size, "byte")),
            ("contract", was(before.map(|it| brief(&it.contract)), &brief(contract))),
        ];
        rows.extend(manifest.map(|manifest| ("manifest", manifest.to_string())));
        if *source != Source::Bundled {
            let by = signer.clone().unwrap_or_else(nobody);
            rows.push(("signed by", was(before.map(author), &brief(&by))));
            rows.push(("published", published));
        }
        let mut lines: Vec<String> =
            rows.iter().map(|(name, value)| format!("{name:<10} {value}")).collect();
        lines.push("asks for".to_owned());
        let known = before.map(|before| before.requests.as_slice());
        let new = self.wider(before);
        lines.extend(requests.iter().map(|request| {
            let mark = if new.contains(request) { "+" } else { " " };
            format!("  {mark} {}", one(request))
        }));
        let gone = known.unwrap_or_default().iter().filter(|old| !requests.contains(old));
        lines.extend(gone.map(|old| format!("  - {}", one(old))));
        if !self.lines.is_empty() {
            lines.push(
                "lockstep.toml does not grant it all of that yet; what it should get:".to_owned(),
            );
            lines.extend(self.lines.iter().map(|text| text.trim_end().to_owned()));
        }
        lines.join("\n")
    }
}

/// Returns this moment as the lock file writes it.
fn stamp() -> Timestamp {
    let millis = i64::try_from(now().0).unwrap_or(i64::MAX);
    let whole = Timestamp::from_millisecond(millis - millis.rem_euclid(1000));
    whole.unwrap_or(Timestamp::MAX)
}

/// Returns the bundled plugin of a name.
fn of_binary(name: &str) -> Result<Fetched, CliError> {
    let known = lockstep_bundle::bundled();
    let Some(found) = known.iter().find(|bundled| bundled.name == name) else {
        let names: Vec<&str> = known.iter().map(|bundled| bundled.name).collect();
        return Err(CliError::words(Exit::Usage, format!("this binary has no plugin `{name}`"))
            .hint(format!("it has: {}; others are added from where they are: `lockstep plugin add {name} SOURCE`", names.join(", "))));
    };
    Ok(Fetched {
        digest: Digest::of(found.bytes),
        bytes: found.bytes.into(),
        manifest: None,
        created: None,
        signatures: Vec::new(),
    })
}

/// Refuses what was published less long ago than the environment wants.
fn old_enough(
    (environment, document): (&str, &EnvironmentDocument),
    name: &str,
    published: Option<Timestamp>,
    undated: bool,
) -> Result<(), CliError> {
    let Some(text) = &document.exclude_newer else { return Ok(()) };
    let least: Millis = age(text).map_err(|wrong| CliError::words(Exit::Usage, wrong))?;
    let least = i64::try_from(least.0).unwrap_or(i64::MAX);
    let rule = format!("`{environment}` takes nothing younger than {text} (`exclude-newer`)");
    let Some(published) = published else {
        if undated {
            return Ok(());
        }
        let words = format!("{rule}, and nobody tells when the plugin `{name}` was published");
        return Err(CliError::words(Exit::Refused, words).hint(
            "find that out, then say so with --accept-undated; registries tell it, files don't",
        ));
    };
    let due = published.as_millisecond().saturating_add(least);
    if due <= i64::try_from(now().0).unwrap_or(i64::MAX) {
        return Ok(());
    }
    let due = Timestamp::from_millisecond(due).unwrap_or(Timestamp::MAX);
    let words = format!("{rule}, and the plugin `{name}` was published at {published:.0}");
    Err(CliError::words(Exit::Refused, words).hint(format!(
        "it is old enough at {due:.0}; an older version can be added by its own tag"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_new_or_of_no_date_is_refused_with_the_date() {
        let document = EnvironmentDocument {
            exclude_newer: Some("7d".to_owned()),
            ..EnvironmentDocument::default()
        };
        let place = ("production", &document);
        let ago = |days: i64| {
            Some(stamp().checked_sub(jiff::SignedDuration::from_hours(24 * days)).unwrap())
        };
        assert!(old_enough(place, "p", ago(8), false).is_ok());
        let refused = old_enough(place, "p", ago(6), true).unwrap_err();
        assert_eq!(refused.exit, Exit::Refused);
        assert!(refused.error.to_string().contains("was published at"), "{:?}", refused.error);
        let refused = old_enough(place, "p", None, false).unwrap_err();
        assert!(refused.hints.iter().any(|hint| hint.contains("--accept-undated")));
        assert!(old_enough(place, "p", None, true).is_ok());
        // What claims to be from the future is not old.
        assert!(old_enough(place, "p", ago(-1), true).is_err());
        assert!(old_enough(("lab", &EnvironmentDocument::default()), "p", None, false).is_ok());
    }
}
