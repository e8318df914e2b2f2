//! What reading a Railway environment answers. Values that look secret are masked before they get here.

use serde::{Deserialize, Serialize};

use super::time::Moment;
use super::wire::Extra;

/// The volume of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Where it is mounted.
    pub mount: String,
    /// Its size in MB.
    pub size_mb: u64,
    /// What is used of it in MB.
    pub used_mb: u64,
    /// What a later contract adds.
    pub extra: Extra,
}

/// A service instance of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The image as configured; none for a service built from a repository.
    pub image: Option<String>,
    /// The repository, for a service built from one.
    pub repository: Option<String>,
    /// Its volume, if there is one.
    pub volume: Option<Volume>,
    /// Settings as configured; one that is not set is absent.
    pub settings: Vec<(String, String)>,
    /// What a later contract adds.
    pub extra: Extra,
}

/// What may be known of a variable's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableValue {
    /// Its text, references unrendered.
    Shown(String),
    /// It looks secret; its keyed fingerprint.
    Masked(String),
    /// Railway never returns it.
    Unreadable,
}

/// A variable as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, as far as it may be known.
    pub value: VariableValue,
}

/// Where a rendered connection URL leads, without its user's password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The URL's scheme.
    pub scheme: String,
    /// The host.
    pub host: String,
    /// The port, if it is written out.
    pub port: Option<u16>,
    /// The user.
    pub user: Option<String>,
    /// The path, such as a database's name after a slash.
    pub path: String,
    /// What a later contract adds.
    pub extra: Extra,
}

/// The states of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentStatus {
    /// Queued, building, deploying or waiting: Railway's own word.
    InProgress(String),
    /// Healthy once, at deploy time.
    Success,
    /// Ended by itself with exit code 0.
    Stopped,
    /// Never became healthy; the reason as far as Railway's events tell.
    Failed(String),
    /// Started, and exited with an error.
    Crashed,
    /// Taken down, or replaced by a newer one.
    Removed,
    /// Not carried out.
    Skipped,
    /// Waits for a person.
    NeedsApproval,
    /// A state without a case here.
    Other(String),
}

/// One deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Railway's id.
    pub id: String,
    /// Its state.
    pub status: DeploymentStatus,
    /// When it was made.
    pub created: Moment,
    /// When its state last changed.
    pub changed: Moment,
    /// The image that really runs, as the deployment's own metadata tells.
    pub image: Option<String>,
    /// Its digest.
    pub digest: Option<String>,
    /// Whether Railway still keeps its image.
    pub can_roll_back: bool,
    /// What a later contract adds.
    pub extra: Extra,
}

/// A line that a service wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    /// When.
    pub at: Moment,
    /// How grave.
    pub severity: Option<String>,
    /// What.
    pub message: String,
}

/// Answered HTTP requests in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// All of them.
    pub requests: u64,
    /// Answers of 500 and above.
    pub failed: u64,
    /// What a later contract adds.
    pub extra: Extra,
}

/// A backup of a service's volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Moment,
    /// Its size in MB.
    pub size_mb: u64,
    /// Whether it is kept from expiring.
    pub locked: bool,
    /// What a later contract adds.
    pub extra: Extra,
}

/// An image as its registry publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What the reference resolves to now.
    pub digest: String,
    /// What a later contract adds.
    pub extra: Extra,
}

/// A service that a template makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateService {
    /// Its name in the template.
    pub name: String,
    /// Its part in the template's cluster.
    pub role: Option<String>,
    /// Its image; none for a service built from a repository.
    pub image: Option<String>,
    /// Where its volume is mounted, if it has one.
    pub mount: Option<String>,
    /// How many instances run.
    pub replicas: u32,
    /// Its variables as the template writes them.
    pub variables: Vec<(String, String)>,
    /// What a later contract adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Extra,
}

/// A template as Railway publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its code.
    pub code: String,
    /// Of the configuration from which its services are made.
    pub digest: String,
    /// The services that it makes.
    pub services: Vec<TemplateService>,
    /// What a later contract adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Extra,
}

impl Template {
    /// The part of the service around which a cluster is made.
    pub const ROOT: &'static str = "root";

    /// Returns the service that is made into the cluster's root.
    pub fn root(&self) -> Option<&TemplateService> {
        self.services.iter().find(|service| service.role.as_deref() == Some(Self::ROOT))
    }

    /// Returns the services that are made around the root.
    pub fn others(&self) -> impl Iterator<Item = &TemplateService> {
        self.services.iter().filter(|service| service.role.as_deref() != Some(Self::ROOT))
    }
}

/// A variable whose references a conversion leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovedVariable {
    /// The service, by its name.
    pub service: String,
    /// The variable.
    pub name: String,
    /// Its text, references unrendered.
    pub before: String,
    /// The text that it gets.
    pub after: String,
    /// What a later contract adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Extra,
}
