//! A service and what runs of it.

use crate::image::Image;
use crate::outside::Railway;
use crate::{Deployment, Failure, Service, Variable, VariableValue, history};

/// A service and what runs of it.
#[derive(Clone, Debug)]
pub struct Running {
    /// The service.
    pub service: Service,
    /// Its deployments, newest first.
    pub deployments: Vec<Deployment>,
    /// Its variables.
    pub variables: Vec<Variable>,
}

impl Running {
    /// Reads what runs of a service.
    pub fn read<O: Railway>(outside: &O, service: Service) -> Result<Self, Failure> {
        let deployments = outside.deployments(&service.name, 10)?;
        let variables = outside.variables(&service.name)?;
        Ok(Self { service, deployments, variables })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.service.name
    }

    /// Returns the deployment that is up.
    pub fn up(&self) -> Option<&Deployment> {
        history::running(&self.deployments)
    }

    /// Returns the digest that runs.
    pub fn digest(&self) -> Option<&str> {
        self.up()?.digest.as_deref()
    }

    /// Returns how long its own boots took; zero where no history tells.
    pub fn boot(&self) -> u64 {
        history::boot(&self.deployments).unwrap_or(0)
    }

    /// Returns the configured image in its parts.
    pub fn image(&self) -> Option<Image> {
        self.service.image.as_deref().and_then(Image::parse)
    }

    /// Returns a setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.service.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// Returns a variable that can be seen.
    pub fn variable(&self, name: &str) -> Option<&str> {
        match &self.find(name)?.value {
            VariableValue::Shown(text) => Some(text),
            VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => None,
        }
    }

    /// Returns whether there is such a variable, and something in it as far as can be seen.
    pub fn has(&self, name: &str) -> bool {
        self.find(name)
            .is_some_and(|it| !matches!(&it.value, VariableValue::Shown(text) if text.is_empty()))
    }

    /// Returns whether a variable can be seen to be switched on.
    pub fn is_on(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    fn find(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }
}

/// Returns what tells a variable's value from another one without telling it; empty where there is none.
pub fn fingerprint(variables: &[Variable], name: &str) -> String {
    match variables.iter().find(|variable| variable.name == name).map(|it| &it.value) {
        None => String::new(),
        // What is not masked is no secret in the host's eyes, and still nothing that belongs into a record.
        Some(VariableValue::Shown(text)) => format!("shown:{}", sum(text)),
        Some(VariableValue::Masked(print)) => format!("masked:{print}"),
        Some(VariableValue::Unreadable) => "unreadable".to_owned(),
        Some(VariableValue::Other(kind)) => format!("other:{kind}"),
    }
}

/// FNV-1a: tells texts apart, and is no protection of a secret.
fn sum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
