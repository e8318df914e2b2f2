//! One owner at a time: nobody else stages, deploys or updates the services that a run works on.

use super::soak;
use crate::outside::Railway;
use crate::step::{HOUR, MINUTE, SECOND};
use crate::{Fact, Failure, Finding, Observation, Pending, Service, history};

/// How often to look whether a deployment of somebody else has ended.
const AGAIN: u64 = 5 * SECOND;

/// One week.
const WEEK: u64 = 7 * 24 * HOUR;

/// Railway's patch window from the beginning of a week that starts on Thursday, as 1970 did: from Saturday 10:00 to before
/// Sunday 18:00 UTC.
const PATCHES: (u64, u64) = ((2 * 24 + 10) * HOUR, (3 * 24 + 18) * HOUR);

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

/// Returns how a step has to wait or stop because of somebody else, if it has to.
pub fn waits<O: Railway>(outside: &O, services: &[&str]) -> Result<Option<Observation>, Failure> {
    Ok(disturbed(outside, services)?.map(|found| match found {
        Disturbance::Staged(why) => Observation::Moved(why),
        Disturbance::Deploying(why) => Pending::after(AGAIN, why).into(),
    }))
}

/// Lets a late step start whatever somebody else does, and records that: it is no reason to undo what is done.
pub fn reported<O: Railway>(outside: &O, services: &[&str]) -> Result<Observation, Failure> {
    Ok(match disturbed(outside, services)? {
        None => Observation::Ready(Vec::new()),
        Some(Disturbance::Staged(why) | Disturbance::Deploying(why)) => {
            Observation::Ready(vec![Fact::one("disturbed", why)])
        }
    })
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

/// Returns how long Railway's patch window stays open, if `now` lies in it.
pub fn patch_window(now: u64) -> Option<u64> {
    let (opens, closes) = PATCHES;
    let moment = now % WEEK;
    (opens..closes).contains(&moment).then(|| closes - moment)
}

/// Returns a warning if `now` lies in the window in which Railway itself may update databases. Only for plans that restart
/// one: evidence, so that neither the plan's hash nor what a run may do depends on the hour.
pub fn patching(now: u64) -> Option<Finding> {
    let left = patch_window(now)?.div_ceil(MINUTE) * MINUTE;
    Some(
        Finding::warning(
            "patch-window",
            "Railway may update and restart databases by itself now, and this plan restarts one",
        )
        .evidence("its patch window is Saturday 10:00 to Sunday 18:00 UTC")
        .evidence(format!("it closes in {}", soak::words(left)))
        .remedy(
            "apply the plan after Sunday 18:00 UTC; if it can't wait, look at the service's deployments first: no step \
             begins while one is under way, but nothing keeps Railway from beginning one later",
        )
        .source("plans.md R5"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saturday 2024-01-06, 00:00 UTC.
    const SATURDAY: u64 = 1_704_499_200_000;

    #[test]
    fn the_patch_window_opens_on_saturday_at_ten_and_closes_on_sunday_at_eighteen() {
        let opens = SATURDAY + 10 * HOUR;
        let closes = SATURDAY + 42 * HOUR;
        for (now, left) in [
            (opens - MINUTE, None),
            (opens - 1, None),
            (opens, Some(32 * HOUR)),
            (opens + MINUTE, Some(32 * HOUR - MINUTE)),
            (closes - MINUTE, Some(MINUTE)),
            (closes - 1, Some(1)),
            (closes, None),
            (closes + MINUTE, None),
            (SATURDAY - 24 * HOUR, None),
            (opens + WEEK, Some(32 * HOUR)),
            (0, None),
        ] {
            assert_eq!(patch_window(now), left, "{now}");
            assert_eq!(patching(now).is_some(), left.is_some(), "{now}");
        }
    }

    #[test]
    fn the_warning_says_what_to_do_and_refuses_nothing() {
        let finding = patching(SATURDAY + 41 * HOUR + 1).unwrap();
        assert!(!finding.refuses());
        assert_eq!(finding.evidence.last().map(String::as_str), Some("it closes in 1 h"));
        assert!(finding.remedy.is_some_and(|remedy| remedy.contains("after Sunday 18:00 UTC")));
    }
}
