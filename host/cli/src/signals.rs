//! What people want of a run while it goes on: Ctrl-C and SIGTERM.

use std::cell::RefCell;

use lockstep_engine::run::{Control, Wish};
use tokio::sync::Notify;

/// The newest wish.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    wish: RefCell<Option<Wish>>,
    changed: Notify,
}

impl Signals {
    /// Asks the run to stop where it is safe.
    pub(crate) fn pause(&self) {
        self.wish.replace(Some(Wish::Pause));
        self.changed.notify_waiters();
    }

    /// Returns once somebody wants something.
    pub(crate) async fn wished(&self) {
        loop {
            let changed = self.changed.notified();
            if self.wish.borrow().is_some() {
                return;
            }
            changed.await;
        }
    }
}

impl Control for Signals {
    fn wish(&self) -> Option<Wish> {
        self.wish.borrow().clone()
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
