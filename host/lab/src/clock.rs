//! The lab's clock: a chosen start, then real time.

use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio::time::Instant;

/// Tells the lab's time, which starts where the options say and then runs as fast as real time.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Timestamp,
    begun: Instant,
    last: Mutex<Timestamp>,
}

impl Clock {
    pub(crate) fn new(start: Option<Timestamp>) -> Self {
        let start = start.unwrap_or_else(Timestamp::now);
        Self { start, begun: Instant::now(), last: Mutex::new(start) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default();
        self.start.saturating_add(elapsed).unwrap_or(self.start)
    }

    /// Returns the time of something that is created.
    ///
    /// Two stamps differ by a millisecond at least, because clients order deployments by a time that
    /// Railway prints to the millisecond.
    pub(crate) fn stamp(&self) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = last.saturating_add(1.millisecond()).unwrap_or(*last);
        *last = self.now().max(earliest);
        *last
    }
}

/// Prints `time` as Railway does: RFC 3339 in UTC, to the millisecond.
pub(crate) fn printed(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_stamps_are_never_printed_alike() {
        let clock = Clock::new(Some("2026-08-21T12:00:00Z".parse().unwrap()));
        let (first, second) = (printed(clock.stamp()), printed(clock.stamp()));
        assert!(first.starts_with("2026-08-21T12:00:00."), "{first}");
        assert!(first < second, "{first} {second}");
    }
}
