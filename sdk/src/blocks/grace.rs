//! GRACE: gives a service time to end before it is killed, set before the first deploy.
//!
//! Railway sends SIGTERM and, unless told otherwise, SIGKILL at once. Whether the value of the outgoing or of the incoming
//! deployment counts is not known, so a plan treats the first deploy after the change as ungraceful.

use super::slug;
use crate::outside::Railway;
use crate::{Declare, Failure, Progress, Service, Step};

/// How much time a service is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace<'a> {
    /// The service.
    pub service: &'a str,
    /// Seconds between SIGTERM and SIGKILL.
    pub draining: u32,
    /// Seconds for which the old deployment keeps serving beside the new one; only without a volume.
    pub overlap: Option<u32>,
}

impl Grace<'_> {
    /// Returns the settings that stand otherwise.
    fn missing(&self, service: &Service) -> Vec<(&'static str, String)> {
        let overlap = self.overlap.map(|seconds| ("overlap-seconds", seconds.to_string()));
        let wanted = [Some(("draining-seconds", self.draining.to_string())), overlap];
        let stands = |(name, value): &(&str, String)| {
            service.settings.iter().any(|(set, to)| set == name && to == value)
        };
        wanted.into_iter().flatten().filter(|setting| !stands(setting)).collect()
    }
}

/// Declares what is missing and returns the step; none where nothing is.
///
/// There is no way back: more time to end harms nobody, and putting it back would take a deploy to come into force.
pub fn plan<D: Declare>(
    declare: &D,
    id: &str,
    graces: &[(Grace<'_>, &Service)],
) -> Result<Option<Step>, Failure> {
    let mut labels = Vec::new();
    for (grace, service) in graces {
        let missing = grace.missing(service);
        if !missing.is_empty() {
            let label = format!("grace-{}", slug(grace.service));
            let settings: Vec<_> =
                missing.iter().map(|(name, value)| (*name, value.as_str())).collect();
            declare.set_settings(&label, grace.service, &settings)?;
            labels.push(label);
        }
    }
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let step = Step::new(
        id,
        "Give each service time to end",
        "Railway kills at once after SIGTERM unless told otherwise",
    );
    Ok((!labels.is_empty()).then(|| step.effects(&labels)))
}

/// Looks whether the settings stand.
pub fn check<O: Railway>(outside: &O, graces: &[Grace<'_>]) -> Result<Progress, Failure> {
    let services = outside.services()?;
    for grace in graces {
        let Some(service) = services.iter().find(|service| service.name == grace.service) else {
            return Ok(Progress::Failed(format!("the service `{}` is gone", grace.service)));
        };
        if let Some((name, value)) = grace.missing(service).first() {
            return Ok(Progress::Failed(format!("`{name}` of `{}` is not {value}", grace.service)));
        }
    }
    Ok(Progress::Done(Vec::new()))
}
