//! What people want of a run while it goes on: Ctrl-C and SIGTERM.

use std::cell::{Cell, RefCell};

use lockstep_engine::model::{Millis, Moment};
use lockstep_engine::run::{Control, Window, Wish};
use tokio::sync::Notify;

use crate::config::{self, WindowDocument};

/// The newest wish.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    wish: RefCell<Option<Wish>>,
    /// Whether the run knows of it. One that does not stop all the same, because it backs out, waits as ever.
    heard: Cell<bool>,
    changed: Notify,
    windows: Vec<WindowDocument>,
}

impl Signals {
    /// Returns signals that nobody has given yet, in an environment with these maintenance windows.
    pub(crate) fn new(windows: Vec<WindowDocument>) -> Self {
        Self { windows, ..Self::default() }
    }

    /// Asks the run to stop where it is safe.
    pub(crate) fn pause(&self) {
        self.wish.replace(Some(Wish::Pause));
        self.heard.set(false);
        self.changed.notify_waiters();
    }

    /// Returns whether the run was asked to stop, heard of it or not.
    pub(crate) fn asked(&self) -> bool {
        self.wish.borrow().is_some()
    }

    /// Returns once somebody wants something that the run does not know of yet.
    pub(crate) async fn wished(&self) {
        loop {
            let changed = self.changed.notified();
            if self.wish.borrow().is_some() && !self.heard.get() {
                return;
            }
            changed.await;
        }
    }
}

impl Control for Signals {
    fn wish(&self) -> Option<Wish> {
        let wish = self.wish.borrow().clone();
        self.heard.set(wish.is_some());
        wish
    }

    fn window(&self, now: Moment, needs: Millis) -> Window {
        config::window(&self.windows, now, needs)
    }
}

/// Returns when the process is asked to end.
///
/// # Errors
/// Signals can't be listened to.
pub(crate) async fn asked_to_end() -> std::io::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_wish_ends_the_wait_in_which_it_comes_and_no_later_one() {
        let signals = Signals::new(Vec::new());
        let ends = || signals.wished().now_or_never().is_some();
        assert!(!ends());
        signals.pause();
        assert!(ends());
        assert_eq!(signals.wish(), Some(Wish::Pause));
        assert!(!ends(), "a run that backs out knows of it and waits as ever");
        signals.pause();
        assert!(ends());
    }
}
