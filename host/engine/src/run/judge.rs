//! What the looks of a watch come to.

use crate::model::{Millis, Moment, Sample, Trigger, Triggers, Verdict};

/// One watch's looks, as this process has seen them. Time that no process saw is neither good nor bad.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    trigger: Trigger,
    triggers: Triggers,
    /// When this process looked first.
    began: Option<Moment>,
    failing: Option<Moment>,
    unknown: Option<Moment>,
}

impl Judge {
    /// Returns the judge of a watch that this process has not looked at yet.
    pub(super) const fn new(trigger: Trigger, triggers: Triggers) -> Self {
        Self { trigger, triggers, began: None, failing: None, unknown: None }
    }

    /// Takes in what was found at `now`, and returns why the run must go back, if it must. `changed` is when the run
    /// changed something last. In an `outage` that was announced, only what must hold at once counts.
    pub(super) fn look(
        &mut self,
        now: Moment,
        changed: Moment,
        outage: bool,
        sample: &Sample,
    ) -> Option<String> {
        self.began.get_or_insert(now);
        if self.trigger == Trigger::Told {
            return None;
        }
        let evidence = &sample.evidence;
        if outage && (sample.verdict, self.trigger) != (Verdict::Fail, Trigger::AtOnce) {
            (self.failing, self.unknown) = (None, None);
            return None;
        }
        let counts_from = changed.plus(self.triggers.grace);
        let lasts = |since: Moment| now.since(since.max(counts_from));
        match sample.verdict {
            Verdict::Pass => {
                (self.failing, self.unknown) = (None, None);
                None
            }
            Verdict::Unknown => {
                let long = lasts(*self.unknown.get_or_insert(now));
                (long >= self.triggers.unknown_after).then(|| {
                    format!("nothing could be found out for {} s: {evidence}", long.0 / 1000)
                })
            }
            Verdict::Fail => {
                self.unknown = None;
                let long = lasts(*self.failing.get_or_insert(now));
                match self.trigger {
                    Trigger::AtOnce | Trigger::ErrorRate => Some(evidence.clone()),
                    Trigger::Unhealthy => (long >= self.triggers.unhealthy_after)
                        .then(|| format!("failing for {} s: {evidence}", long.0 / 1000)),
                    Trigger::Told => None,
                }
            }
        }
    }

    /// Returns whether the newest look found nothing wrong that counts.
    pub(super) const fn is_fine(&self) -> bool {
        self.began.is_some() && self.failing.is_none() && self.unknown.is_none()
    }

    /// Returns whether this process has seen a whole window of it, at most `longest`, and nothing wrong at the end.
    pub(super) fn has_passed_a_window(&self, now: Moment, longest: Millis) -> bool {
        let window = match self.trigger {
            Trigger::Unhealthy => self.triggers.unhealthy_after,
            Trigger::ErrorRate => self.triggers.window,
            Trigger::AtOnce | Trigger::Told => Millis(0),
        };
        self.is_fine() && self.began.is_some_and(|began| now.since(began) >= window.min(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const LONG: Millis = Millis(u64::MAX);

    fn at(minutes: u64) -> Moment {
        Moment(minutes * MINUTE)
    }

    fn found(verdict: Verdict) -> Sample {
        Sample { verdict, evidence: "seen".to_owned(), figure: None }
    }

    /// Feeds one verdict a minute and returns the minute of the first reason to go back.
    fn trips(trigger: Trigger, changed: u64, verdicts: &[Verdict]) -> Option<u64> {
        let mut judge = Judge::new(trigger, Triggers::default());
        (0..).zip(verdicts).find_map(|(minute, verdict)| {
            judge.look(at(minute), at(changed), false, &found(*verdict)).map(|_| minute)
        })
    }

    #[test]
    fn unhealthy_counts_without_a_break_and_after_the_grace() {
        use Verdict::{Fail, Pass, Unknown};
        let tripped = trips(Trigger::Unhealthy, 0, &[Fail; 20]);
        assert_eq!(tripped, Some(7), "two minutes' grace, then five");
        let tripped = trips(Trigger::Unhealthy, 6, &[Fail; 20]);
        assert_eq!(tripped, Some(13), "each change begins a new grace");
        let broken = [Fail, Fail, Fail, Fail, Fail, Fail, Pass, Fail, Fail, Fail, Fail, Fail, Fail];
        assert_eq!(trips(Trigger::Unhealthy, 0, &broken), Some(12), "a pass is a break");
        let mixed = [Fail, Fail, Fail, Unknown, Unknown, Fail, Fail, Fail];
        assert_eq!(trips(Trigger::Unhealthy, 0, &mixed), Some(7), "not knowing is none");
    }

    #[test]
    fn what_is_only_told_never_tips_and_keeps_no_soak_from_ending() {
        use Verdict::{Fail, Pass, Unknown};
        assert_eq!(trips(Trigger::Told, 0, &[Pass, Fail, Unknown, Fail].repeat(10)), None);
        let mut judge = Judge::new(Trigger::Told, Triggers::default());
        judge.look(at(1), at(0), false, &found(Fail));
        assert!(judge.has_passed_a_window(at(1), LONG));
    }

    #[test]
    fn what_must_hold_at_once_fails_at_once() {
        use Verdict::{Fail, Pass, Unknown};
        assert_eq!(trips(Trigger::AtOnce, 0, &[Pass, Unknown, Fail]), Some(2));
        let tripped = trips(Trigger::AtOnce, 0, &[Unknown; 20]);
        assert_eq!(tripped, Some(12), "not knowing for too long is failing (L10)");
    }

    #[test]
    fn an_announced_outage_excuses_all_but_what_must_hold_at_once() {
        let mut judge = Judge::new(Trigger::Unhealthy, Triggers::default());
        for minute in 0..30 {
            assert_eq!(judge.look(at(minute), at(0), true, &found(Verdict::Fail)), None);
        }
        assert_eq!(judge.look(at(30), at(28), false, &found(Verdict::Fail)), None);
        assert!(judge.look(at(36), at(28), false, &found(Verdict::Fail)).is_some());
        let mut judge = Judge::new(Trigger::AtOnce, Triggers::default());
        assert_eq!(judge.look(at(30), at(0), true, &found(Verdict::Unknown)), None);
        assert!(judge.look(at(30), at(0), true, &found(Verdict::Fail)).is_some());
    }

    #[test]
    fn a_window_passes_only_by_being_seen() {
        let mut judge = Judge::new(Trigger::Unhealthy, Triggers::default());
        assert!(!judge.has_passed_a_window(at(60), LONG), "nobody has looked");
        judge.look(at(60), at(0), false, &found(Verdict::Pass));
        assert!(!judge.has_passed_a_window(at(64), LONG));
        assert!(judge.has_passed_a_window(at(65), LONG));
        assert!(judge.has_passed_a_window(at(61), Millis(MINUTE)), "a soak may be shorter");
        judge.look(at(66), at(0), false, &found(Verdict::Unknown));
        assert!(!judge.has_passed_a_window(at(66), LONG));
    }
}
