//! Everything that a command needs, opened in order: the store, the environment, the drivers, the plugin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lockstep_drivers::{Connection, Drivers, Endpoint, Settings};
use lockstep_engine::model::{Plan, RunId};
use lockstep_engine::policy::Grant;
use lockstep_runtime::{Limits, Runtime};
use lockstep_store::{Holder, OpenError, Store, prepare_folder};
use secrecy::ExposeSecret as _;

use crate::args::{Global, Surroundings};
use crate::config::{self, Document, EnvironmentDocument};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::failure::unconnected;
use crate::lab;
use crate::metrics::Metrics;
use crate::plugins::{Loaded, Origin, granted, load};
use crate::programs;
use crate::render::Announcer;

/// The folder beside `lockstep.toml` that Lockstep keeps its own things in.
const FOLDER: &str = ".lockstep";

/// One command's surroundings and store.
pub(crate) struct Session {
    /// What the user typed for every command.
    pub(crate) global: Global,
    /// What the process's environment holds.
    pub(crate) surroundings: Surroundings,
    /// `lockstep.toml`, if there is one.
    pub(crate) document: Option<Document>,
    /// Journals, leases, plans and plugin bytes.
    pub(crate) store: Store,
    /// Figures of what this process does.
    pub(crate) metrics: Metrics,
}

/// One environment, opened.
pub(crate) struct Opened {
    /// Its name.
    pub(crate) name: String,
    /// As configured.
    pub(crate) document: EnvironmentDocument,
    /// The outside.
    pub(crate) drivers: Drivers,
    /// Who speaks to people, with secrets taken out.
    pub(crate) announcer: Announcer,
    /// Its databases and Redis servers by name.
    pub(crate) connections: BTreeMap<String, Connection>,
    /// Its HTTP endpoints by name.
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
}

impl Session {
    /// Opens the folder.
    ///
    /// # Errors
    /// `lockstep.toml` or the store can't be used.
    pub(crate) async fn open(global: Global, surroundings: Surroundings) -> Result<Self, CliError> {
        let document = Document::read(&global.directory)?;
        if !global.directory.is_dir() {
            let words = format!("there is no folder `{}`", global.directory.display());
            return Err(CliError::words(Exit::Usage, words).hint(
                "-C names the folder with lockstep.toml and .lockstep/; it is never made by itself",
            ));
        }
        let store = match config::access(document.as_ref(), &surroundings)? {
            None => Store::open(&folder(&global.directory)).map_err(unopened)?,
            Some(access) => {
                // What else Lockstep keeps of its own, such as break-glass files, is in the folder all the same.
                prepare_folder(&folder(&global.directory)).map_err(unopened)?;
                Store::connect(access).await.map_err(|error| unconnected(error, None))?
            }
        };
        Ok(Self { global, surroundings, document, store, metrics: Metrics::new() })
    }

    /// Returns this process, as leases and journals name it.
    ///
    /// # Errors
    /// The system does not tell.
    pub(crate) fn holder(&self) -> Result<Holder, CliError> {
        Holder::this_process(&self.surroundings.person()).or_exit(Exit::Failed)
    }

    /// Opens the environment that is meant.
    ///
    /// # Errors
    /// It is unknown, or can't be reached.
    pub(crate) async fn environment(&self) -> Result<Opened, CliError> {
        self.environment_named(self.global.environment.as_deref()).await
    }

    /// Opens the environment with this name, as it is configured today; without a name, the usual one.
    ///
    /// # Errors
    /// It is unknown, or can't be reached.
    pub(crate) async fn environment_named(&self, wanted: Option<&str>) -> Result<Opened, CliError> {
        let lab = lab::address(&self.global.directory).await?;
        let (name, document) = config::choose(self.document.as_ref(), wanted, lab.as_ref())?;
        self.reach(name, document).await
    }

    /// Opens an environment as it was configured when a run was approved.
    ///
    /// # Errors
    /// Its token is missing, or it can't be reached.
    pub(crate) async fn reach(
        &self,
        name: String,
        document: EnvironmentDocument,
    ) -> Result<Opened, CliError> {
        let settings = self.settings(&name, &document).await?;
        let (connections, endpoints) = (settings.connections.clone(), settings.endpoints.clone());
        let drivers = Drivers::open(settings).await.map_err(CliError::from)?;
        drivers.redactor().learn(config::notice_secrets(&document, &self.surroundings));
        let announcer = Announcer::new(Some(drivers.redactor()));
        Ok(Opened { name, document, drivers, announcer, connections, endpoints })
    }

    async fn settings(
        &self,
        name: &str,
        document: &EnvironmentDocument,
    ) -> Result<Settings, CliError> {
        let lab = lab::address(&self.global.directory).await?;
        let token = config::token(name, document, lab.as_ref(), &self.surroundings)?;
        let key = self.store.fingerprint_key().await.or_exit(Exit::Failed)?;
        let mut settings = config::settings(name, document, token, *key.expose_secret())?;
        settings.client_programs = programs::of_postgres(&self.surroundings);
        Ok(settings)
    }

    /// Returns the plan of a run.
    ///
    /// # Errors
    /// The store does not keep it.
    pub(crate) async fn plan_of(&self, run: &RunId) -> Result<Plan, CliError> {
        let attachments = self.store.attachments(run).await.or_exit(Exit::Failed)?;
        let digest = attachments.get("plan").ok_or_else(|| {
            CliError::words(Exit::Failed, format!("the store keeps no plan of run {run}"))
        })?;
        let bytes = self.store.get(digest).await.or_exit(Exit::Failed)?;
        let text = String::from_utf8(bytes).or_exit(Exit::Failed)?;
        Plan::from_json(&text).or_exit(Exit::Failed)
    }

    /// Loads a plugin from bytes that the store kept.
    ///
    /// # Errors
    /// It can't be loaded.
    pub(crate) async fn plugin_of(&self, bytes: Vec<u8>) -> Result<Loaded, CliError> {
        let runtime = self.runtime()?;
        load(&runtime, bytes, Origin::Store).await
    }

    /// Returns what plugins run in.
    ///
    /// # Errors
    /// Its cache can't be used.
    pub(crate) fn runtime(&self) -> Result<Runtime, CliError> {
        let cache = folder(&self.global.directory).join("cache");
        Runtime::new(&cache, Limits::default()).or_exit(Exit::Failed)
    }
}

/// Says why the store can't be used, and what to do about it.
fn unopened(error: OpenError) -> CliError {
    let hint = match &error {
        OpenError::NotAStore { .. } => {
            "put back the file as it was: journals of open runs are in it. Without one, a new store is made where the file is moved away"
        }
        OpenError::Exposed { .. } | OpenError::Foreign { .. } => {
            "whoever can write there can change what a run believes"
        }
        OpenError::Newer { .. } => "`lockstep --version` tells which this one is",
        OpenError::Folder { .. }
        | OpenError::Randomness(_)
        | OpenError::Writer(_)
        | OpenError::Store { .. } => {
            "is there room on the disk, and does the folder belong to you? Nothing was changed"
        }
    };
    CliError::new(Exit::Failed, error).hint(hint)
}

impl Opened {
    /// Returns what the plugin may do here: what the operator wrote, or what a bundled plugin asks for.
    pub(crate) fn grant(&self, loaded: &Loaded) -> Grant {
        let bundled = loaded.origin == Origin::Bundled;
        let grant = granted(&self.document, &loaded.called, &loaded.description, bundled);
        grant.written_for(&self.name, &loaded.called)
    }

    /// Returns its name and configuration, by which plugins are looked for.
    pub(crate) fn place(&self) -> (&str, &EnvironmentDocument) {
        (&self.name, &self.document)
    }

    /// Returns the plugin's options.
    pub(crate) fn options(&self, plugin: &str) -> Vec<(String, String)> {
        let options = self.document.options.get(plugin);
        options.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Returns the folder that Lockstep keeps its own things in.
pub(crate) fn folder(directory: &Path) -> PathBuf {
    directory.join(FOLDER)
}
