//! One owner at a time: nobody else stages, deploys or updates the services that a run works on.

use crate::outside::Railway;
use crate::{Failure, Service, history};

/// What somebody else is doing, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Changes are staged; only a person ends that.
    Staged(String),
    /// A deployment is under way, which ends by itself.
    Deploying(String),
}

/// Returns what somebody else is doing that a phase may not start into, if anything.
pub fn disturbed<O: Railway>(
    outside: &O,
    services: &[&str],
) -> Result<Option<Disturbance>, Failure> {
    let staged = outside.staged()?;
    if !staged.is_empty() {
        return Ok(Some(Disturbance::Staged(format!(
            "changes that nobody has committed are staged: {}",
            staged.join("; ")
        ))));
    }
    for service in services {
        if let Some(newest) =
            outside.deployments(service, 1)?.first().filter(|newest| history::moves(&newest.status))
        {
            return Ok(Some(Disturbance::Deploying(format!(
                "a deployment of `{service}` is {}",
                history::words(&newest.status)
            ))));
        }
    }
    Ok(None)
}

/// Returns why the newest deployment of `service` is not one that is known, if it is not: kept at the start, or made by one
/// of the run's own effects.
pub fn foreign<O: Railway>(
    outside: &O,
    service: &str,
    kept: Option<&str>,
    own: &[&str],
) -> Result<Option<String>, Failure> {
    let newest = outside.deployments(service, 1)?;
    let Some(newest) = newest.first().filter(|newest| kept != Some(newest.id.as_str())) else {
        return Ok(None);
    };
    for label in own {
        if outside.deployment_of(label)?.is_some_and(|made| made.id == newest.id) {
            return Ok(None);
        }
    }
    Ok(Some(format!("somebody else has deployed `{service}` (deployment {})", newest.id)))
}

/// Returns the setting with which Railway updates a service's image by itself, if it is on.
pub fn updates_itself(service: &Service) -> Option<&str> {
    let (_, value) = service.settings.iter().find(|(name, _)| name == "auto-updates")?;
    let off =
        ["", "off", "false", "disabled", "none"].contains(&value.to_ascii_lowercase().as_str());
    (!off).then_some(value.as_str())
}
