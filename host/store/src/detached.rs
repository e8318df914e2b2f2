//! Detached runs: left to whichever runner comes next, from a moment on.

use lockstep_engine::model::{Moment, RunId};

use crate::error::StoreError;
use crate::holder::Holder;
use crate::lease::{Lease, Takeover, Wanted};
use crate::store::{Backend, Store};

/// Why a run was not detached. Nothing was changed, unless the store failed.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// There is no such run, or it has ended and there is nothing left to do for a runner.
    #[error("run {0} is not in this store, or has ended")]
    NoOpenRun(RunId),
    /// The store failed.
    #[error("could not write when run {run} is due")]
    Store {
        /// The run.
        run: RunId,
        /// Why.
        source: StoreError,
    },
}

/// A detached run that may be taken.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) number: i64,
    pub(crate) run: RunId,
    pub(crate) environment: String,
}

impl Store {
    /// Leaves a run to whichever runner asks for one from `due` on, by the runner's clock.
    ///
    /// It stays detached until it is recalled or ends: a runner that dies is followed by another one. Detaching it again
    /// moves `due`. The lease is not touched, so a process that detaches its own run then [leaves](Self::leave) it.
    pub async fn detach(&self, run: &RunId, due: Moment) -> Result<(), DetachError> {
        self.write_due(run, Some(due)).await
    }

    /// Takes a run back from the runners: from now on only who names it goes on with it.
    pub async fn recall(&self, run: &RunId) -> Result<(), DetachError> {
        self.write_due(run, None).await
    }

    /// Gives the holder the detached run that has been due the longest and whose environment nobody keeps from it; none
    /// if there is no such run. Of several runners that ask at once no two get the same.
    ///
    /// It is taken as [`Takeover::IfGone`] takes it: a run that a process works on is not, until that process leaves,
    /// is gone or lets its lease expire.
    pub async fn take_next(
        &self,
        holder: &Holder,
        now: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.take_next(holder, now).await,
            Backend::Postgres(server) => server.take_next(holder.clone(), now).await,
        }
    }

    async fn write_due(&self, run: &RunId, due: Option<Moment>) -> Result<(), DetachError> {
        let due = due.map(sortable);
        let written = match &self.backend {
            Backend::Sqlite(file) => file.write_due(run, due).await,
            Backend::Postgres(server) => server.write_due(run.clone(), due).await,
        };
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(DetachError::NoOpenRun(run.clone())),
            Err(source) => Err(DetachError::Store { run: run.clone(), source }),
        }
    }
}

impl Candidate {
    /// Returns what a runner wants of it.
    pub(crate) fn wanted(&self, here: &Holder, now: Moment) -> Wanted {
        Wanted {
            environment: self.environment.clone(),
            run: self.run.clone(),
            here: here.clone(),
            now,
            takeover: Takeover::IfGone,
        }
    }
}

/// Returns a moment as a number that a database sorts as moments are.
pub(crate) fn sortable(moment: Moment) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}
