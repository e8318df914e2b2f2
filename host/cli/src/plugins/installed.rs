//! Which plugin upgrades a component in an environment.

use lockstep_engine::model::{Description, Digest, Rule};
use lockstep_registry::Source;
use lockstep_runtime::Runtime;

use super::{Loaded, Origin, load, proven};
use crate::config::{EnvironmentDocument, LAB};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lockfile::{self, Entry, FILE, LockDocument};
use crate::render::tame;
use crate::session::Session;

impl Session {
    /// Loads the plugin that upgrades `component` in an environment: exactly the bytes that lockstep.lock names, if it names any.
    ///
    /// # Errors
    /// There is none, it is not what was agreed to, or it can't be loaded.
    pub(crate) async fn plugin_for(
        &self,
        (name, document): (&str, &EnvironmentDocument),
        component: &str,
    ) -> Result<Loaded, CliError> {
        let lock = lockfile::read(&self.global.directory)?;
        if let Some(entry) = lock.entry(name, component)
            && entry.source != Source::Bundled
        {
            return Box::pin(proven(self, (name, document), component, entry)).await;
        }
        let runtime = self.runtime()?;
        let own = self.document.as_ref().and_then(|document| document.plugins.get(component));
        if let Some(own) = own {
            let path = self.global.directory.join(&own.path);
            if name != LAB || self.global.locked {
                return Err(unlocked(component, name, &own.path.display().to_string()));
            }
            let bytes = std::fs::read(&path)
                .map_err(|error| {
                    anyhow::Error::new(error)
                        .context(format!("could not read plugin `{}`", path.display()))
                })
                .or_exit(Exit::Usage)?;
            let mut loaded = load(&runtime, bytes, Origin::File(path.clone())).await?;
            component.clone_into(&mut loaded.called);
            return upgrading(loaded, component);
        }
        let mut known = Vec::new();
        for bundled in lockstep_bundle::bundled() {
            let loaded = load(&runtime, bundled.bytes.to_vec(), Origin::Bundled).await?;
            if loaded.description.components.iter().any(|name| name == component) {
                return self.as_bundled(&lock, name, loaded);
            }
            known.extend(loaded.description.components);
        }
        if known.is_empty() {
            return Err(CliError::words(Exit::Failed, "this binary was built without its plugins")
                .hint("build it where the target wasm32-wasip2 is installed: `cargo xtask setup`, then build again"));
        }
        Err(CliError::words(Exit::Usage, format!("no plugin upgrades `{component}`"))
            .hint(format!("this lockstep upgrades: {}", known.join(", "))))
    }

    /// Refuses a bundled plugin that is not the one that lockstep.lock names.
    fn as_bundled(
        &self,
        lock: &LockDocument,
        environment: &str,
        mut loaded: Loaded,
    ) -> Result<Loaded, CliError> {
        let name = &loaded.called;
        match lock.entry(environment, name) {
            None if self.global.locked => Err(CliError::words(
                Exit::Usage,
                format!("{FILE} has no entry for the bundled plugin `{name}` in `{environment}`"),
            )
            .hint(format!("`lockstep plugin pin {name} -e {environment}` adds it"))),
            None => Ok(loaded),
            Some(entry) if entry.digest == loaded.pin.digest => {
                loaded.entry = Some(entry.clone());
                Ok(loaded)
            }
            Some(entry) => Err(other_bundle(name, environment, entry, &loaded.pin.digest)),
        }
    }

    /// Returns the rules of every plugin that an environment has.
    ///
    /// # Errors
    /// One can't be loaded.
    pub(crate) async fn rules(
        &self,
        place: (&str, &EnvironmentDocument),
    ) -> Result<Vec<Rule>, CliError> {
        let installed = self.installed(place).await?;
        Ok(installed.into_iter().flat_map(|plugin| plugin.rules).collect())
    }

    /// Returns what every plugin of an environment says of itself: of those that this binary has, and of those that lockstep.lock
    /// and lockstep.toml name, which upgrade the component that they are named for and no other.
    ///
    /// # Errors
    /// One can't be loaded.
    pub(crate) async fn installed(
        &self,
        place: (&str, &EnvironmentDocument),
    ) -> Result<Vec<Description>, CliError> {
        let runtime: Runtime = self.runtime()?;
        let mut installed = Vec::new();
        for bundled in lockstep_bundle::bundled() {
            let loaded = load(&runtime, bundled.bytes.to_vec(), Origin::Bundled).await?;
            installed.push(loaded.description);
        }
        let lock = lockfile::read(&self.global.directory)?;
        let mut own: Vec<&str> = lock
            .of(place.0)
            .filter(|(_, entry)| entry.source != Source::Bundled)
            .map(|(name, _)| name)
            .collect();
        if place.0 == LAB {
            let written = self.document.iter().flat_map(|document| document.plugins.keys());
            own.extend(written.map(String::as_str));
        }
        own.sort_unstable();
        own.dedup();
        for component in own {
            let description = self.plugin_for(place, component).await?.description;
            installed.push(Description { components: vec![component.to_owned()], ..description });
        }
        Ok(installed)
    }
}

/// Refuses a plugin that does not upgrade what it is named for.
///
/// # Errors
/// It does not.
pub(super) fn upgrading(loaded: Loaded, component: &str) -> Result<Loaded, CliError> {
    if loaded.description.components.iter().any(|known| known == component) {
        return Ok(loaded);
    }
    let known: Vec<String> =
        loaded.description.components.iter().map(|known| format!("`{}`", tame(known))).collect();
    Err(CliError::words(
        Exit::Usage,
        format!("{} does not upgrade `{component}`", loaded.title()),
    )
    .hint(format!(
        "it upgrades {}: a plugin is named by the component, in lockstep.toml and for `lockstep plugin add`",
        if known.is_empty() { "nothing".to_owned() } else { known.join(", ") }
    )))
}

/// Says that bytes from outside need an entry.
fn unlocked(component: &str, environment: &str, path: &str) -> CliError {
    CliError::words(
        Exit::Usage,
        format!("{FILE} does not say which bytes of the plugin `{component}` run in `{environment}`"),
    )
    .hint(format!(
        "look at what it is, then `lockstep plugin add {component} file:{path} -e {environment}`; or `lockstep plugin promote` what ran elsewhere"
    ))
}

/// Says that this binary has other bytes than were agreed to.
pub(super) fn other_bundle(
    name: &str,
    environment: &str,
    entry: &Entry,
    found: &Digest,
) -> CliError {
    CliError::words(
        Exit::Failed,
        format!(
            "the plugin `{name}` of this binary is {found}, and {FILE} holds `{environment}` at {} ({})",
            tame(&entry.version),
            entry.digest
        ),
    )
    .hint(format!(
        "use the lockstep that has those bytes, or look at what differs with `lockstep plugin update {name} -e {environment}`"
    ))
}
