//! Saying who holds an environment, since when, and what to do about it.

use lockstep_store::{Holding, LeaseError, Presence, StoreError};

use crate::clock::written;
use crate::error::CliError;
use crate::exit::Exit;

/// Says why a lease was not given.
pub(super) fn held(error: LeaseError) -> CliError {
    match &error {
        LeaseError::Held { by, .. } => holds(by),
        LeaseError::NoRun { .. } => CliError::new(Exit::Failed, error),
        LeaseError::Store { source: StoreError::Busy, .. } => CliError::new(Exit::Failed, error)
            .hint("a process that was stopped within a write keeps it locked: continue or end that one (where the store is a file, `fuser -v .lockstep/journal.db` names it); the same command goes on then"),
        LeaseError::Store { source: StoreError::Unreachable(_), .. } => {
            CliError::new(Exit::Failed, error)
                .hint("the store's server is away or takes no more sessions; the same command may be repeated, whether or not it took the environment")
        }
        LeaseError::Store { .. } => CliError::new(Exit::Failed, error)
            .hint("is there room on the disk? Nothing was changed; the same command goes on once there is"),
    }
}

/// Says that another run or process holds the environment.
pub(super) fn holds(by: &Holding) -> CliError {
    let (run, since) = (&by.run, written(by.since));
    let hint = match by.presence {
        Presence::Alive => format!(
            "it is at work: wait for it, or stop it with Ctrl-C where it runs; `lockstep show {run}` tells how far it is. If it hangs: `lockstep resume {run} --take-over`"
        ),
        Presence::Gone => format!(
            "no process works on it: go on with `lockstep resume {run}`, or take it back with `lockstep rollback {run}`"
        ),
        Presence::Expired => format!(
            "its process has been silent: go on with `lockstep resume {run}`, or take it back with `lockstep rollback {run}`; if that process wakes up, it is refused"
        ),
        Presence::Unknown => format!(
            "it may be at work on another machine; only if that process is surely gone: `lockstep resume {run} --take-over`"
        ),
    };
    let who = by.who();
    CliError::words(Exit::Held, format!("run {run} holds the environment since {since}: {who}"))
        .hint(hint)
}
