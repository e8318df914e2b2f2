//! The system's clock: the one place of this crate that reads it.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use lockstep_engine::model::{Millis, Moment};
use lockstep_engine::run::Clock;

use crate::signals::Signals;

/// Returns the present moment.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        .plus(*AHEAD.get_or_init(Millis::default))
}

/// How far the clock is ahead: nothing but in tests of waits that take days.
static AHEAD: OnceLock<Millis> = OnceLock::new();

/// Sets how far the clock is ahead, before anything has asked it.
pub(crate) fn set_ahead(ahead: Millis) {
    AHEAD.get_or_init(|| ahead);
}

/// Returns `moment` as people and logs write it.
pub(crate) fn written(moment: Moment) -> String {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| moment.0.to_string(), |time| format!("{time:.0}"))
}

/// The system's clock. A person's wish ends the wait in which it comes.
#[derive(Debug)]
pub(crate) struct SystemClock<'a> {
    /// Who is listened to.
    pub(crate) signals: &'a Signals,
}

impl Clock for SystemClock<'_> {
    fn now(&self) -> Moment {
        now()
    }

    async fn sleep(&self, length: Millis) {
        tokio::select! {
            biased;
            () = self.signals.wished() => {}
            () = tokio::time::sleep(length.duration()) => {}
        }
    }
}
