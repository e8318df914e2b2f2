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
    /// Seconds between SIGTERM and SIGKILL, at least.
    pub draining: u32,
    /// Seconds for which the old deployment keeps serving beside the new one; only without a volume.
    pub overlap: Option<u32>,
}

impl Grace<'_> {
    /// Returns the settings that do not stand: time to end is only ever raised, because an operator who gave more had a
    /// reason.
    fn missing(&self, service: &Service) -> Vec<(&'static str, String)> {
        let standing = |name: &str| {
            let (_, value) = service.settings.iter().find(|(set, _)| set == name)?;
            value.parse::<u32>().ok()
        };
        let mut missing = Vec::new();
        if standing("draining-seconds").is_none_or(|seconds| seconds < self.draining) {
            missing.push(("draining-seconds", self.draining.to_string()));
        }
        if let Some(overlap) =
            self.overlap.filter(|wanted| standing("overlap-seconds") != Some(*wanted))
        {
            missing.push(("overlap-seconds", overlap.to_string()));
        }
        missing
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
    let step = step.if_left("nothing: the settings count from each service's next deployment on");
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
            return Ok(Progress::Failed(format!(
                "`{name}` of `{}` does not stand at {value}",
                grace.service
            )));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(draining: &str, wanted: u32) -> Vec<(&'static str, String)> {
        let service = Service {
            name: "redis".to_owned(),
            image: None,
            repository: None,
            volume: None,
            settings: vec![("draining-seconds".to_owned(), draining.to_owned())],
            extra: Vec::new(),
        };
        Grace { service: "redis", draining: wanted, overlap: None }.missing(&service)
    }

    #[test]
    fn time_to_end_is_raised_and_never_cut() {
        assert!(missing("300", 30).is_empty());
        assert!(missing("30", 30).is_empty());
        for shorter in ["9", "0", "", "soon"] {
            assert_eq!(missing(shorter, 30), [("draining-seconds", "30".to_owned())], "{shorter}");
        }
    }
}
