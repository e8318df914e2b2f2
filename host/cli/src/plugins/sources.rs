//! Where plugins come from: the registry's handle, whose signatures count, and what to do when nothing comes.

use std::path::Path;

use lockstep_registry::{Access, Credentials, PublicKey, Registry, RegistryError, Source};

use crate::args::{Global, Surroundings};
use crate::config::EnvironmentDocument;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lockfile::Entry;
use crate::session::folder;

/// What a public key in PEM begins with.
const PEM: &str = "-----BEGIN ";

/// Opens the cache of this folder and the way to the sources.
///
/// # Errors
/// The cache can't be used, or docker's credentials can't be read.
pub(crate) fn registry(global: &Global, surroundings: &Surroundings) -> Result<Registry, CliError> {
    let own = folder(&global.directory);
    lockstep_store::prepare_folder(&own).or_exit(Exit::Failed)?;
    let docker = surroundings
        .get("DOCKER_CONFIG")
        .map(Into::into)
        .or_else(|| surroundings.get("HOME").map(|home| Path::new(home).join(".docker")));
    let credentials = match docker {
        Some(docker) if !global.offline => {
            Credentials::from_docker_config(&docker.join("config.json")).or_exit(Exit::Usage)?
        }
        Some(_) | None => Credentials::default(),
    };
    let access = Access { offline: global.offline, credentials, ..Access::default() };
    Registry::open(&own.join("plugins"), access).map_err(unfetched)
}

/// Says why nothing came, and what to do about it.
pub(crate) fn unfetched(error: RegistryError) -> CliError {
    let hint = error.hint();
    CliError::new(Exit::Failed, error).hint(hint)
}

/// Returns a source as it is asked: a file's path counts from the folder of lockstep.toml.
pub(super) fn from_folder(source: &Source, directory: &Path) -> Source {
    match source {
        Source::File(path) => Source::File(directory.join(path)),
        Source::Bundled | Source::Https(_) | Source::Oci(_) => source.clone(),
    }
}

/// Returns where exactly the bytes of an entry are: of a registry the manifest, because a tag may lead elsewhere by now.
pub(super) fn exactly(entry: &Entry, directory: &Path) -> Source {
    match (&entry.source, entry.manifest) {
        (Source::Oci(artifact), Some(manifest)) => Source::Oci(artifact.at(manifest)),
        (source, _) => from_folder(source, directory),
    }
}

/// Returns whose signatures count in an environment.
///
/// # Errors
/// A key can't be read.
pub(crate) fn keys(
    directory: &Path,
    (name, document): (&str, &EnvironmentDocument),
) -> Result<Vec<(String, PublicKey)>, CliError> {
    let read = |(signer, key): (&String, &String)| {
        let wrong = |error: CliError| {
            error.within(format!("`signers` of environment `{name}`: could not use the key of `{signer}`")).hint(
                "name a public key in PEM, such as cosign.pub, or the path of its file beside lockstep.toml",
            )
        };
        let pem = if key.trim_start().starts_with(PEM) {
            key.clone()
        } else {
            std::fs::read_to_string(directory.join(key)).or_exit(Exit::Usage).map_err(wrong)?
        };
        let key: PublicKey = pem.parse().or_exit(Exit::Usage).map_err(wrong)?;
        Ok((signer.clone(), key))
    };
    document.signers.iter().map(read).collect()
}
