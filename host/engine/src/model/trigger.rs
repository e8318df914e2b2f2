//! When a watch makes a run go back: the guide's "Rollback Triggers", made exact.
//!
//! The rules and their reasons are those of progressive delivery: three verdicts, a smallest sample, the state before as
//! the measure, and a limit on not knowing (Argo Rollouts, Flagger and Kayenta have each of them).

use serde::{Deserialize, Serialize};

use super::canary::Canary;
use super::draft::Verdict;
use super::time::Millis;

/// How the looks of a watch are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Failing without a break for as long as [`Triggers::unhealthy_after`].
    Unhealthy,
    /// Too large a share of requests that failed.
    ErrorRate,
    /// Failing once, as with data that is gone.
    AtOnce,
    /// Never: that it fails is told at once, and for a person to judge.
    Told,
}

/// A trigger that is none of those of [`Trigger`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trigger `{0}` is none of `unhealthy`, `error-rate`, `at-once` and `told`")]
pub struct UnknownTrigger(String);

impl std::str::FromStr for Trigger {
    type Err = UnknownTrigger;

    fn from_str(text: &str) -> Result<Self, UnknownTrigger> {
        match text {
            "unhealthy" => Ok(Self::Unhealthy),
            "error-rate" => Ok(Self::ErrorRate),
            "at-once" => Ok(Self::AtOnce),
            "told" => Ok(Self::Told),
            other => Err(UnknownTrigger(other.to_owned())),
        }
    }
}

/// The entry of a draft's `extra` that names a service which others stand in for. It stands once for each of them.
pub const ONE_OF_SEVERAL: &str = "one-of-several";

/// What the host looks at by itself, whether the plugin works or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostWatch {
    /// The service's newest deployment runs.
    Running(String),
    /// The same of a service that others stand in for.
    OneOf(String),
    /// More than half of the services that stand in for each other run.
    MostOf(Vec<String>),
    /// The share of the service's requests that are answered with 500 and above.
    Traffic(String),
    /// What was acknowledged of a canary is there.
    Canary(Canary),
}

impl HostWatch {
    /// Returns its name in the journal. No plugin's watch has a colon in its name.
    pub fn id(&self) -> String {
        match self {
            Self::Running(service) | Self::OneOf(service) => format!("running:{service}"),
            Self::MostOf(services) => format!("running:most-of:{}", services.join(",")),
            Self::Traffic(service) => format!("traffic:{service}"),
            Self::Canary(canary) => format!("canary:{}", canary.id()),
        }
    }

    /// Returns how it is judged.
    pub const fn trigger(&self) -> Trigger {
        match self {
            Self::Running(_) | Self::MostOf(_) => Trigger::Unhealthy,
            Self::OneOf(_) => Trigger::Told,
            Self::Traffic(_) => Trigger::ErrorRate,
            Self::Canary(_) => Trigger::AtOnce,
        }
    }
}

/// The figures of the triggers, from the operator's file. They are part of what is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// After every change, what fails counts only from this much later: a server that starts is no broken one.
    pub grace: Millis,
    /// Failing for so long without a break is a reason to go back.
    pub unhealthy_after: Millis,
    /// Not to be found out for so long without a break is one too: a failed look is not a passed one (L10).
    pub unknown_after: Millis,
    /// More failed requests than this share is a reason to go back, in percent.
    pub error_percent: u32,
    /// Requests are counted over so long.
    pub window: Millis,
    /// Fewer requests than this in a window say nothing.
    pub fewest_requests: u64,
}

impl Default for Triggers {
    fn default() -> Self {
        Self {
            grace: Millis::seconds(120),
            unhealthy_after: Millis::seconds(300),
            unknown_after: Millis::seconds(600),
            error_percent: 5,
            window: Millis::seconds(600),
            fewest_requests: 50,
        }
    }
}

/// Requests and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// All of them.
    pub requests: u64,
    /// Answers of 500 and above.
    pub failed: u64,
}

impl Share {
    /// Returns both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            failed: self.failed.saturating_add(other.failed),
        }
    }

    const fn is_above(self, percent: u32) -> bool {
        self.failed as u128 * 100 > percent as u128 * self.requests as u128
    }
}

impl Triggers {
    /// Returns whether these are the defaults.
    pub fn are_default(&self) -> bool {
        *self == Self::default()
    }

    /// Judges the requests of one window against those of the window before the run: a stack that failed before is not made
    /// worse by failing as much, so its share must at least double to count. Where many asked before, nobody asking any more
    /// is not knowing.
    pub fn judge(&self, now: Share, before: Share) -> (Verdict, String) {
        let Share { requests, failed } = now;
        let counted = format!("{failed} of {requests} requests failed");
        let told_before = before.requests >= self.fewest_requests;
        if requests == 0 && told_before {
            let silent = format!("no requests at all, after {} before the run", before.requests);
            return (Verdict::Unknown, silent);
        }
        if requests < self.fewest_requests {
            let few = format!("{counted}; fewer than {} say nothing", self.fewest_requests);
            return (Verdict::Pass, few);
        }
        if !now.is_above(self.error_percent) {
            return (Verdict::Pass, counted);
        }
        let limit = format!("more than {} %", self.error_percent);
        if !told_before || before.failed == 0 {
            return (Verdict::Fail, format!("{counted}: {limit}"));
        }
        let was = format!("{} of {} failed before the run", before.failed, before.requests);
        let ratio = u128::from(failed) * u128::from(before.requests);
        if ratio > 2 * u128::from(before.failed) * u128::from(requests) {
            (Verdict::Fail, format!("{counted}: {limit}, and {was}"))
        } else {
            (Verdict::Pass, format!("{counted}; {was}, so this is not the run's doing"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(failed: u64, requests: u64, before: (u64, u64)) -> Verdict {
        let before = Share { requests: before.1, failed: before.0 };
        Triggers::default().judge(Share { requests, failed }, before).0
    }

    #[test]
    fn the_share_is_judged_over_enough_requests() {
        assert_eq!(judged(1, 3, (0, 0)), Verdict::Pass, "three requests say nothing");
        assert_eq!(judged(5, 100, (0, 0)), Verdict::Pass, "more than five percent, not five");
        assert_eq!(judged(6, 100, (0, 0)), Verdict::Fail);
        assert_eq!(judged(u64::MAX, u64::MAX, (1, u64::MAX)), Verdict::Fail, "no overflow");
    }

    #[test]
    fn a_stack_that_failed_before_is_measured_by_itself() {
        assert_eq!(judged(6, 100, (6, 100)), Verdict::Pass, "it failed as much before");
        assert_eq!(judged(12, 100, (6, 100)), Verdict::Pass, "twice is not more than twice");
        assert_eq!(judged(13, 100, (6, 100)), Verdict::Fail);
        assert_eq!(judged(6, 100, (1, 3)), Verdict::Fail, "three requests before say nothing");
    }

    #[test]
    fn silence_after_traffic_is_not_knowing() {
        assert_eq!(judged(0, 0, (0, 500)), Verdict::Unknown);
        assert_eq!(judged(0, 0, (0, 3)), Verdict::Pass, "hardly anybody asked before");
        assert_eq!(judged(0, 1, (0, 500)), Verdict::Pass, "somebody is answered");
    }
}
