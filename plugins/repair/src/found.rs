//! A service as it stands.

use lockstep_sdk::image::Image;
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Deployment, Failure, Service, Variable, VariableValue, history};

/// A service, what runs of it, and its variables.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The service.
    pub(crate) service: Service,
    /// Its deployments, newest first.
    pub(crate) deployments: Vec<Deployment>,
    variables: Vec<Variable>,
}

impl Found {
    /// Reads it.
    pub(crate) fn read<O: Railway>(outside: &O, service: Service) -> Result<Self, Failure> {
        let deployments = outside.deployments(&service.name, 10)?;
        let variables = outside.variables(&service.name)?;
        Ok(Self { service, deployments, variables })
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &str {
        &self.service.name
    }

    /// Returns the deployment that is up.
    pub(crate) fn up(&self) -> Option<&Deployment> {
        history::running(&self.deployments)
    }

    /// Says how its newest deployment stands.
    pub(crate) fn standing(&self) -> String {
        let newest = self.deployments.first().map(|newest| history::words(&newest.status));
        format!("{}: {}", self.name(), newest.unwrap_or_else(|| "never deployed".to_owned()))
    }

    /// Returns the configured image in its parts.
    pub(crate) fn image(&self) -> Option<Image> {
        self.service.image.as_deref().and_then(Image::parse)
    }

    /// Returns a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.service.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// Returns a variable's value, as far as a plugin may know it.
    pub(crate) fn value(&self, name: &str) -> Option<&VariableValue> {
        self.variables.iter().find(|variable| variable.name == name).map(|it| &it.value)
    }

    /// Returns a variable that can be seen.
    pub(crate) fn shown(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            VariableValue::Shown(text) => Some(text),
            VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => None,
        }
    }

    /// Returns how long its own boots took; zero where no history tells.
    pub(crate) fn boot(&self) -> u64 {
        history::boot(&self.deployments).unwrap_or(0)
    }
}
