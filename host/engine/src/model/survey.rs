//! An environment as the host finds it when a plan is frozen.

use std::collections::BTreeMap;

/// What was found of one service when a plan is frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// Railway's service id.
    pub service_id: String,
    /// The id of its volume instance, if it has a volume.
    pub volume_instance_id: Option<String>,
    /// The image as configured; none for a service built from a repository.
    pub image: Option<String>,
    /// The command that is configured to start it; none for the image's own.
    pub start_command: Option<String>,
    /// The digest that runs now.
    pub running_digest: Option<String>,
}

/// The environment as it stands, by name of service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Railway's project id.
    pub project_id: String,
    /// Railway's environment id.
    pub environment_id: String,
    /// The services.
    pub services: BTreeMap<String, Surveyed>,
    /// Connections to databases and caches, and the services that run what is behind each.
    pub connections: BTreeMap<String, Vec<String>>,
}
