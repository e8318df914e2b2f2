//! An environment of Railway that answers from memory.

use std::collections::BTreeMap;

use super::registry::Registry;
use crate::{
    Backup, Deployment, DeploymentStatus, Fact, Failure, Job, Location, Service, Tally, Target,
    Volume,
};

/// The moment at which targets of tests are planned, in milliseconds since 1970.
pub const NOW: u64 = 1_700_000_000_000;

/// What Railway and its registries answer, and what became of the run's effects. A test changes whatever it is about.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The services.
    pub services: Vec<Service>,
    /// Their variables. A value that begins with `***` is masked: the plugin is told only what follows, its fingerprint.
    pub variables: BTreeMap<String, Vec<(String, String)>>,
    /// Where variables lead, by `service.NAME`; one that is not here renders to nothing.
    pub destinations: BTreeMap<String, Result<Location, Failure>>,
    /// The services' deployments, newest first.
    pub deployments: BTreeMap<String, Vec<Deployment>>,
    /// The deployments that effects of this run made, by their labels.
    pub made: BTreeMap<String, Deployment>,
    /// What the services wrote. Reading what a service wrote that is not here fails the test: a plugin reads no logs but those
    /// that its author thought of.
    pub logs: BTreeMap<String, Vec<String>>,
    /// How many requests they answered.
    pub traffic: BTreeMap<String, Tally>,
    /// The backups of their volumes, newest first.
    pub backups: BTreeMap<String, Vec<Backup>>,
    /// What is staged and not committed.
    pub staged: Vec<String>,
    /// Which images there are.
    pub registry: Registry,
    /// The effects of this run that began, by their labels, and how they stand.
    pub effects: BTreeMap<String, Result<Job, Failure>>,
}

impl Environment {
    /// Adds a service that runs an image; its one deployment, `d1`, is up.
    pub fn add(&mut self, name: &str, image: &str, digest: impl Into<String>) -> &mut Service {
        self.deployments.insert(name.to_owned(), vec![deployment("d1", digest)]);
        self.place(Service {
            name: name.to_owned(),
            image: Some(image.to_owned()),
            repository: None,
            volume: None,
            settings: Vec::new(),
            extra: Vec::new(),
        })
    }

    /// Adds a service as it is, without a deployment.
    pub fn place(&mut self, service: Service) -> &mut Service {
        self.services.push(service);
        self.services.last_mut().expect("one was just added")
    }

    /// Returns a service.
    #[track_caller]
    pub fn service(&mut self, name: &str) -> &mut Service {
        let found = self.services.iter_mut().find(|service| service.name == name);
        found.unwrap_or_else(|| panic!("there is no service `{name}`"))
    }

    /// Sets a variable; a value that begins with `***` is one that can't be seen.
    pub fn set(&mut self, service: &str, name: &str, value: &str) {
        self.unset(service, name);
        let variables = self.variables.entry(service.to_owned()).or_default();
        variables.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable away.
    pub fn unset(&mut self, service: &str, name: &str) {
        self.variables.entry(service.to_owned()).or_default().retain(|(known, _)| known != name);
    }

    /// Sets a setting of a service.
    #[track_caller]
    pub fn setting(&mut self, service: &str, name: &str, value: &str) {
        let settings = &mut self.service(service).settings;
        settings.retain(|(known, _)| known != name);
        settings.push((name.to_owned(), value.to_owned()));
    }

    /// Lets a variable lead somewhere.
    pub fn leads(&mut self, service: &str, name: &str, to: Location) {
        self.destinations.insert(format!("{service}.{name}"), Ok(to));
    }

    /// Says that an effect began and ended well.
    pub fn began(&mut self, label: &str) {
        self.gave(label, Vec::new());
    }

    /// Says that an effect began, ended well and gave these facts.
    pub fn gave(&mut self, label: &str, facts: Vec<Fact>) {
        let job = Job { finished: true, done: 1, total: 1, note: String::new(), facts };
        self.effects.insert(label.to_owned(), Ok(job));
    }

    /// Returns the facts that an effect gave.
    #[track_caller]
    pub fn facts_of(&mut self, label: &str) -> &mut Vec<Fact> {
        match self.effects.get_mut(label) {
            Some(Ok(job)) => &mut job.facts,
            Some(Err(failure)) => panic!("`{label}` failed: {failure:?}"),
            None => panic!("`{label}` never began"),
        }
    }

    /// Says that an effect began and failed.
    pub fn broke(&mut self, label: &str, failure: Failure) {
        self.effects.insert(label.to_owned(), Err(failure));
    }

    /// Says that an effect made this deployment.
    pub fn deployed(&mut self, label: &str, made: Deployment) {
        self.made.insert(label.to_owned(), made);
        self.began(label);
    }
}

/// Returns a digest of one repeated digit.
pub fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// Returns a deployment that is up and took 12 seconds to get there.
pub fn deployment(id: &str, digest: impl Into<String>) -> Deployment {
    Deployment {
        id: id.to_owned(),
        status: DeploymentStatus::Success,
        created: 1_000,
        changed: 13_000,
        image: None,
        digest: Some(digest.into()),
        can_roll_back: true,
        extra: Vec::new(),
    }
}

/// Returns the volume of a service.
pub fn volume(service: &str, mount: &str) -> Volume {
    Volume {
        name: format!("{service}-volume"),
        mount: mount.to_owned(),
        size_mb: 5_000,
        used_mb: 400,
        extra: Vec::new(),
    }
}

/// Returns a place without a port or a user; its password, if there is one, every program reads alike.
pub fn location(scheme: &str, host: &str, path: &str) -> Location {
    Location {
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        port: None,
        user: None,
        path: path.to_owned(),
        extra: Vec::new(),
    }
}

/// Returns a locked backup.
pub fn backup(name: &str, created: u64) -> Backup {
    Backup { name: name.to_owned(), created, size_mb: 2, locked: true, extra: Vec::new() }
}

/// Returns what is to be planned at [`NOW`].
pub fn target(component: &str, desired: Option<&str>, options: &[(&str, &str)]) -> Target {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Target {
        component: component.to_owned(),
        environment: "lab".to_owned(),
        desired: desired.map(str::to_owned),
        options: options.iter().map(own).collect(),
        now: NOW,
        extra: Vec::new(),
    }
}
