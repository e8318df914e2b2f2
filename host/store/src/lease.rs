//! Leases: one run holds an environment, one process holds the run, and a number that only grows tells which.

use std::time::Duration;

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{Moment, RunId};

use crate::error::StoreError;
use crate::holder::{Holder, Presence};
use crate::store::{Backend, Store};

/// How long a lease in PostgreSQL lasts without being renewed, by the database's clock.
pub const LEASE_LIFE: Duration = Duration::from_secs(30);

/// What to do about an environment that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Take it only from this run's own process that surely is no more, that left, or whose lease has expired.
    IfGone,
    /// Take it from this run's own process even if that may be there still, because a person said so.
    Asked,
}

/// A lease that this process was given. It lasts until it is given back or taken. No clock ends it by itself: in
/// PostgreSQL one that is not renewed for [`LEASE_LIFE`] may be taken, and only that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The environment's id.
    pub environment: String,
    /// The run that holds it.
    pub run: RunId,
    /// Its number, never given again.
    pub epoch: Epoch,
    /// Whom it was taken from, whose open intents must be waited out and settled; none if it was free.
    pub from: Option<Holding>,
}

/// Who holds an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The run.
    pub run: RunId,
    /// The lease's number.
    pub epoch: Epoch,
    /// The process; none if it left and the run waits without one.
    pub holder: Option<Holder>,
    /// When it was given.
    pub since: Moment,
    /// When it was last renewed.
    pub renewed: Moment,
    /// Whether the process is still there; [`Presence::Gone`] also if it left.
    pub presence: Presence,
}

impl Holding {
    /// Says who that is, where, and whether the process is there.
    pub fn who(&self) -> String {
        let Some(holder) = &self.holder else {
            return "waiting, no process works on it".to_owned();
        };
        let Holder { host, pid, name, .. } = holder;
        let state = match self.presence {
            Presence::Alive => "running",
            Presence::Gone => "gone",
            Presence::Expired => "silent for so long that its lease has expired",
            Presence::Unknown => "not to be seen from here",
        };
        format!("{name} on {host}, process {pid}, {state}")
    }
}

/// Why a lease was not given. Nothing was changed, unless the store failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process or run holds the environment.
    #[error("could not take environment `{environment}`: run {} holds it ({})", by.run, by.who())]
    Held {
        /// The environment's id.
        environment: String,
        /// Who holds it.
        by: Box<Holding>,
    },
    /// There is no such run for this environment.
    #[error("could not take environment `{environment}`: the store has no run {run} for it")]
    NoRun {
        /// The environment's id.
        environment: String,
        /// The run.
        run: RunId,
    },
    /// The store failed.
    #[error("could not take environment `{environment}`")]
    Store {
        /// The environment's id.
        environment: String,
        /// Why.
        source: StoreError,
    },
}

/// Why a lease was not renewed or given back.
#[derive(Debug, thiserror::Error)]
pub enum LostLease {
    /// Somebody else has taken it, or it was given back.
    #[error("lease {} on environment `{environment}` is no longer held", epoch.0)]
    Superseded {
        /// The environment's id.
        environment: String,
        /// The lease that was lost.
        epoch: Epoch,
    },
    /// The store failed.
    #[error("could not write the lease on environment `{environment}`")]
    Store {
        /// The environment's id.
        environment: String,
        /// Why.
        source: StoreError,
    },
}

/// An environment as it is kept: the last epoch, and who holds it if anybody does.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) epoch: i64,
    pub(crate) holding: Option<Holding>,
    /// Whether the run that holds it has come to its end.
    pub(crate) finished: bool,
}

/// An environment that may be taken.
#[derive(Debug)]
pub(crate) struct Free {
    /// The number of the lease that is to be given.
    pub(crate) epoch: i64,
    /// Who held it until now.
    from: Option<Holding>,
}

/// What is taken, for whom.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) environment: String,
    pub(crate) run: RunId,
    pub(crate) here: Holder,
    pub(crate) now: Moment,
    pub(crate) takeover: Takeover,
}

/// What becomes of a lease that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Its holder is still there.
    Renew(Moment),
    /// Its holder goes, and its run keeps the environment.
    Leave,
    /// The environment is given back.
    Release,
}

impl Store {
    /// Gives `run` the environment, with a number greater than every one before it.
    ///
    /// An environment is free if nobody had it, if it was released, or if the run that has it is finished. A process of
    /// the same run that left, surely is gone or let its lease expire is followed at once. Another run's is not, even if
    /// its process is gone: what that run left undone is still there.
    pub async fn acquire(
        &self,
        environment: &str,
        run: &RunId,
        holder: &Holder,
        now: Moment,
        takeover: Takeover,
    ) -> Result<Lease, LeaseError> {
        let wanted = Wanted {
            environment: environment.to_owned(),
            run: run.clone(),
            here: holder.clone(),
            now,
            takeover,
        };
        let taken = match &self.backend {
            Backend::Sqlite(file) => file.acquire(wanted).await,
            Backend::Postgres(server) => server.acquire(wanted).await,
        };
        taken.map_err(|source| LeaseError::Store { environment: environment.to_owned(), source })?
    }

    /// Says that the holder is still there. In PostgreSQL a lease that is not renewed expires after [`LEASE_LIFE`];
    /// in a file it only tells people, and `now` is what they see in both.
    pub async fn renew(&self, lease: &Lease, now: Moment) -> Result<(), LostLease> {
        self.update(lease, Change::Renew(now)).await
    }

    /// Gives the process's hold back while the run keeps the environment: any process may go on with the run at once.
    pub async fn leave(&self, lease: &Lease) -> Result<(), LostLease> {
        self.update(lease, Change::Leave).await
    }

    /// Gives the environment back: any run may take it.
    pub async fn release(&self, lease: &Lease) -> Result<(), LostLease> {
        self.update(lease, Change::Release).await
    }

    /// Returns who holds an environment, as seen from `here`; none if it is free.
    pub async fn holding(
        &self,
        environment: &str,
        here: &Holder,
    ) -> Result<Option<Holding>, StoreError> {
        let row = match &self.backend {
            Backend::Sqlite(file) => file.holding(environment, here),
            Backend::Postgres(server) => server.holding(environment, here).await,
        };
        Ok(row?.and_then(|row| row.holding.filter(|_| !row.finished)))
    }

    async fn update(&self, lease: &Lease, change: Change) -> Result<(), LostLease> {
        let environment = || lease.environment.clone();
        let updated = match &self.backend {
            Backend::Sqlite(file) => file.update(lease, change).await,
            Backend::Postgres(server) => server.update(lease.clone(), change).await,
        };
        match updated {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(LostLease::Superseded { environment: environment(), epoch: lease.epoch })
            }
            Err(source) => Err(LostLease::Store { environment: environment(), source }),
        }
    }
}

impl Wanted {
    /// Decides whether the environment that stands as `row` may be taken.
    pub(crate) fn free(&self, row: Option<Row>) -> Result<Result<Free, LeaseError>, StoreError> {
        let (last, from) = match row {
            None => (0, None),
            Some(row) => (row.epoch, row.holding.filter(|_| !row.finished)),
        };
        let asked = self.takeover == Takeover::Asked;
        let over = |by: &Holding| matches!(by.presence, Presence::Gone | Presence::Expired);
        let may = from.as_ref().is_none_or(|by| by.run == self.run && (asked || over(by)));
        if let Some(by) = from.clone().filter(|_| !may) {
            let environment = self.environment.clone();
            return Ok(Err(LeaseError::Held { environment, by: Box::new(by) }));
        }
        let epoch = last.checked_add(1);
        let epoch =
            epoch.ok_or_else(|| StoreError::Damaged("its epochs are used up".to_owned()))?;
        Ok(Ok(Free { epoch, from }))
    }

    /// Returns the lease that was given.
    pub(crate) fn given(&self, free: Free) -> Lease {
        Lease {
            environment: self.environment.clone(),
            run: self.run.clone(),
            epoch: Epoch(free.epoch.cast_unsigned()),
            from: free.from,
        }
    }

    /// Returns the refusal of a run that is not there.
    pub(crate) fn no_run(&self) -> LeaseError {
        LeaseError::NoRun { environment: self.environment.clone(), run: self.run.clone() }
    }
}

/// Returns a holder as it is kept.
pub(crate) fn written(holder: &Holder) -> Result<String, StoreError> {
    serde_json::to_string(holder).map_err(|error| StoreError::Failed(error.to_string()))
}

/// Reads the holder of an environment.
pub(crate) fn holder(environment: &str, text: &str) -> Result<Holder, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Damaged(format!("the holder of `{environment}`: {error}")))
}
