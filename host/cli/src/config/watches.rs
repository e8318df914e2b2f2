//! What is watched beside a run, and when it makes the run go back.

use jiff::SignedDuration;
use lockstep_engine::model::{Millis, Triggers};
use lockstep_engine::policy::Watching;
use serde::{Deserialize, Serialize};

/// The figures of the triggers; what is not written is as in the upgrade guide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WatchesDocument {
    /// After every change, what fails counts only from this much later.
    pub(crate) grace: Option<SignedDuration>,
    /// Failing for so long without a break makes a run go back.
    pub(crate) unhealthy_after: Option<SignedDuration>,
    /// Not to be found out for so long without a break, too.
    pub(crate) unknown_after: Option<SignedDuration>,
    /// More failed requests than this makes a run go back, in percent.
    pub(crate) error_percent: Option<u32>,
    /// Requests are counted over so long.
    pub(crate) window: Option<SignedDuration>,
    /// Fewer requests than this in a window say nothing.
    pub(crate) fewest_requests: Option<u64>,
    /// The services whose requests are judged; all of them where nothing is said.
    pub(crate) traffic: Option<Vec<String>>,
}

impl WatchesDocument {
    /// Returns what can't be meant.
    pub(super) fn problem(&self) -> Option<String> {
        let lengths = [self.grace, self.unhealthy_after, self.unknown_after, self.window];
        if lengths.into_iter().flatten().any(|length| length.is_negative()) {
            return Some("has `watches` with a length below zero".to_owned());
        }
        if self.window.is_some_and(|window| window.is_zero()) {
            return Some("has `watches` that count over no time".to_owned());
        }
        let above = self.error_percent.is_some_and(|percent| percent > 100);
        above.then(|| "has `watches` with an `error-percent` above 100".to_owned())
    }

    /// Returns what the engine is told.
    pub(crate) fn watching(&self) -> Watching {
        let usual = Triggers::default();
        let length = |written: Option<SignedDuration>, usual: Millis| {
            written.map_or(usual, |it| Millis(u64::try_from(it.as_millis()).unwrap_or(0)))
        };
        let triggers = Triggers {
            grace: length(self.grace, usual.grace),
            unhealthy_after: length(self.unhealthy_after, usual.unhealthy_after),
            unknown_after: length(self.unknown_after, usual.unknown_after),
            error_percent: self.error_percent.unwrap_or(usual.error_percent),
            window: length(self.window, usual.window),
            fewest_requests: self.fewest_requests.unwrap_or(usual.fewest_requests),
        };
        Watching { triggers, traffic: self.traffic.clone(), canaries: Vec::new() }
    }
}
