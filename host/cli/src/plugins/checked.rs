//! An entry of `lockstep.lock` against the bytes that it names: looked at before every plan.

use lockstep_engine::model::{Digest, Grantable};
use lockstep_engine::policy::Grant;
use lockstep_registry::{Fetched, SignatureError};

use super::installed::upgrading;
use super::sources::exactly;
use super::{Loaded, Origin, granted, keys, load, registry, unfetched};
use crate::config::EnvironmentDocument;
use crate::error::CliError;
use crate::exit::Exit;
use crate::lockfile::{Entry, FILE};
use crate::session::Session;

/// Loads exactly the bytes that an entry names, if everything that was agreed to still holds.
///
/// # Errors
/// The bytes can't be had, they are not signed as they must be, or they ask for something else than the entry says.
pub(crate) async fn proven(
    session: &Session,
    place: (&str, &EnvironmentDocument),
    component: &str,
    entry: &Entry,
) -> Result<Loaded, CliError> {
    let (name, document) = place;
    let directory = &session.global.directory;
    let attempted = |error: CliError| {
        error.within(format!("plugin `{component}` of `{name}` is not what {FILE} says"))
    };
    let registry = registry(&session.global, &session.surroundings)?;
    let source = exactly(entry, directory);
    let fetched = registry.pinned(&source, &entry.digest).await.map_err(unfetched);
    let fetched = fetched.map_err(|error| {
        error.within(format!(
            "could not load plugin `{component}` of `{name}` from {}",
            entry.source
        ))
    })?;
    if Digest::of(&fetched.bytes) != entry.digest {
        return Err(attempted(CliError::words(Exit::Failed, "its bytes have another digest")));
    }
    let signer = signer(directory, place, &fetched)?;
    if let Some(locked) = &entry.signer
        && signer.as_ref() != Some(locked)
    {
        let words = format!("it is not signed by `{locked}` any more, as `signers` is now");
        return Err(attempted(CliError::words(Exit::Failed, words).hint(format!(
            "`lockstep plugin update {component} -e {name}` asks for its signatures anew"
        ))));
    }
    let origin = Origin::Locked { source: entry.source.to_string(), signer };
    let mut loaded = load(&session.runtime()?, fetched.bytes.to_vec(), origin).await?;
    component.clone_into(&mut loaded.called);
    let mut loaded = upgrading(loaded, component)?;
    if asked(&loaded.description.requests) != entry.requests
        || loaded.description.version != entry.version
    {
        return Err(attempted(
            CliError::words(Exit::Failed, "its version or what it asks for is another than there")
                .hint(format!("somebody changed the entry: `lockstep plugin add {component} {} -e {name}` shows what it really asks for", entry.source)),
        ));
    }
    let grant = granted(document, component, &loaded.description, false);
    if session.global.locked
        && let Some(wider) = beyond(&grant, &entry.grants).first()
    {
        return Err(attempted(CliError::words(
            Exit::Usage,
            format!("lockstep.toml grants it {} now, which {FILE} does not have", one(wider)),
        )
        .hint(format!("`lockstep plugin pin {component} -e {name}` takes what lockstep.toml grants into {FILE}"))));
    }
    loaded.entry = Some(entry.clone());
    Ok(loaded)
}

/// Returns who signed, of those whose signatures count in an environment; none where nobody did and none is required.
///
/// # Errors
/// A signature is required and there is none that counts, or a key can't be read.
pub(super) fn signer(
    directory: &std::path::Path,
    place: (&str, &EnvironmentDocument),
    fetched: &Fetched,
) -> Result<Option<String>, CliError> {
    let keys = keys(directory, place)?;
    match fetched.signer(&keys) {
        Ok(signer) => Ok(Some(signer.to_owned())),
        Err(error @ (SignatureError::Unsigned | SignatureError::Wrong { .. })) => {
            if !place.1.require_signature {
                return Ok(None);
            }
            let hint = error.hint();
            Err(CliError::new(Exit::Failed, error)
                .within(format!(
                    "`{}` runs no plugin without a signature of one of its `signers`",
                    place.0
                ))
                .hint(hint))
        }
    }
}

/// Returns requests as the lock file has them: in a stable order, without their authors' words.
pub(super) fn asked(requests: &[Grantable]) -> Vec<Grantable> {
    let plain = requests.iter().cloned().map(|mut request| {
        request.why.clear();
        request
    });
    Grant::new(plain.collect()).entries().to_vec()
}

/// Returns what of `grant` is not within `known`.
pub(crate) fn beyond(grant: &Grant, known: &[Grantable]) -> Vec<Grantable> {
    Grant::new(known.to_vec()).missing(grant.entries()).cloned().collect()
}

/// Returns one request or grant in words.
pub(crate) fn one(entry: &Grantable) -> String {
    use crate::render::brief;
    let Grantable { capability, name, access, paths, why: _ } = entry;
    let paths: Vec<String> = paths.iter().map(|path| brief(path)).collect();
    let at = if paths.is_empty() { String::new() } else { format!(" at {}", paths.join(", ")) };
    format!("{} `{}` of `{}`{at}", brief(capability), brief(access), brief(name))
}
