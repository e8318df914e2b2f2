//! Services: what runs of them, and what they use the database for.

use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::image::Image;
use lockstep_sdk::{Deployment, OutageKind, Service, Variable, VariableValue, history};

/// A service and what runs of it.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The service.
    pub(crate) service: Service,
    /// Its deployments, newest first.
    pub(crate) deployments: Vec<Deployment>,
    /// Its variables.
    pub(crate) variables: Vec<Variable>,
}

impl Running {
    /// Returns its name.
    pub(crate) fn name(&self) -> &str {
        &self.service.name
    }

    /// Returns the deployment that is up.
    pub(crate) fn up(&self) -> Option<&Deployment> {
        history::running(&self.deployments)
    }

    /// Returns how long its own boots took; zero where no history tells.
    pub(crate) fn boot(&self) -> u64 {
        history::boot(&self.deployments).unwrap_or(0)
    }

    /// Returns the repository of its image.
    pub(crate) fn repository(&self) -> Option<String> {
        self.service.image.as_deref().and_then(Image::parse).map(|image| image.repository)
    }

    /// Returns a variable that can be seen.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        match &self.variables.iter().find(|variable| variable.name == name)?.value {
            VariableValue::Shown(text) => Some(text),
            VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => None,
        }
    }

    /// Returns whether a variable is there whose text can't be seen.
    pub(crate) fn hides(&self, name: &str) -> bool {
        self.variable(name).is_none() && self.variables.iter().any(|variable| variable.name == name)
    }

    /// Returns a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.service.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// Returns what it uses the database for.
    pub(crate) fn uses(&self) -> Use {
        let repository = self.repository().unwrap_or_default();
        if repository.ends_with("langfuse/langfuse-worker") {
            Use::Worker
        } else if repository.ends_with("langfuse/langfuse") {
            Use::Web
        } else if repository.contains("litellm") {
            Use::LiteLlm
        } else {
            Use::Unknown
        }
    }
}

/// What a service uses the database for. In the order in which services are deployed at the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// LiteLLM: keys, spend, settings.
    LiteLlm,
    /// Langfuse's web server: projects, users, prompts.
    Web,
    /// Langfuse's worker.
    Worker,
    /// Anything else.
    Unknown,
}

impl Use {
    /// What of the service does not work while the database takes no writes. Langfuse's ingestion goes to its queue.
    pub(crate) fn without_writes(self) -> OutageKind {
        match self {
            Self::LiteLlm => OutageKind::Other("new keys, spend and settings".to_owned()),
            Self::Web => OutageKind::Other("changes of projects, users and prompts".to_owned()),
            Self::Worker => OutageKind::Other(
                "jobs that write to the database; they are tried again".to_owned(),
            ),
            Self::Unknown => OutageKind::Writes,
        }
    }

    /// The variables that keep the service from changing the schema when it starts.
    pub(crate) const fn frozen_by(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::LiteLlm => &[("DISABLE_SCHEMA_UPDATE", "true")],
            Self::Web => &[
                ("LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", "true"),
                ("LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", "true"),
            ],
            Self::Worker | Self::Unknown => &[],
        }
    }

    /// Whether it is deployed once before anything else, as it is.
    pub(crate) const fn is_rehearsed(self) -> bool {
        match self {
            Self::LiteLlm | Self::Web | Self::Worker => true,
            Self::Unknown => false,
        }
    }

    /// How long the service is given to end.
    pub(crate) const fn grace(self, service: &str) -> Option<Grace<'_>> {
        let (draining, overlap) = match self {
            Self::LiteLlm => (60, 30),
            Self::Web => (120, 10),
            Self::Worker => (90, 0),
            Self::Unknown => return None,
        };
        Some(Grace { service, draining, overlap: Some(overlap) })
    }
}

/// How long a service with a database in it is given to end.
pub(crate) const fn database_grace(service: &str) -> Grace<'_> {
    Grace { service, draining: 60, overlap: None }
}
