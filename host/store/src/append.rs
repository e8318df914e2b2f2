//! Appending: conditional on the lease and on the journal's end, in the transaction that writes.

use crate::store::{Backend, Store};
use lockstep_engine::journal::{Epoch, Head, Linked};
use lockstep_engine::model::RunId;
use lockstep_engine::run::{AppendError, Journal};

/// A record as it is kept.
pub(crate) struct Line {
    pub(crate) sequence: i64,
    pub(crate) epoch: i64,
    pub(crate) kind: &'static str,
    pub(crate) digest: String,
    pub(crate) body: String,
}

/// Why a holder's change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The lease is not the newest, or was given back.
    Superseded,
    /// The journal ends elsewhere.
    Diverged,
    /// There is no such run.
    NoRun,
}

impl Journal for Store {
    async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        records: &[Linked],
    ) -> Result<(), AppendError> {
        let lines = lines(run, epoch, after, records)?;
        let appended = match &self.backend {
            Backend::Sqlite(file) => file.append(run, epoch, after, lines).await,
            Backend::Postgres(server) => server.append(run, epoch, after, lines).await,
        };
        appended
            .map_err(|error| AppendError::Store(error.to_string()))?
            .map_err(|refused| refused.told(run, epoch))
    }
}

impl Refused {
    /// Returns what the holder of a run is told.
    pub(crate) fn told(self, run: &RunId, epoch: Epoch) -> AppendError {
        match self {
            Self::Superseded => AppendError::Superseded { epoch },
            Self::Diverged => AppendError::Diverged,
            Self::NoRun => AppendError::Store(format!("run {run} is not in this store")),
        }
    }
}

/// Returns `records` as they are kept, or refuses them if they are not this run's, this lease's, or do not follow `after`.
pub(crate) fn lines(
    run: &RunId,
    epoch: Epoch,
    after: &Head,
    records: &[Linked],
) -> Result<Vec<Line>, AppendError> {
    let mut head = *after;
    let mut lines = Vec::with_capacity(records.len());
    for linked in records {
        let record = linked.record();
        let sequence = record.sequence;
        if record.run != *run {
            return Err(AppendError::Store(format!(
                "record {sequence} is of run {}, not of {run}",
                record.run
            )));
        }
        if record.epoch != epoch {
            return Err(AppendError::Store(format!(
                "record {sequence} of run {run} is of another lease"
            )));
        }
        if (sequence, record.previous) != (head.next, head.digest) {
            return Err(AppendError::Store(format!(
                "record {sequence} of run {run} does not follow from the record before it"
            )));
        }
        head = linked.head();
        lines.push(line(linked)?);
    }
    Ok(lines)
}

fn line(linked: &Linked) -> Result<Line, AppendError> {
    let record = linked.record();
    let failed = |error: &dyn std::fmt::Display| {
        AppendError::Store(format!(
            "could not write record {} of run {}: {error}",
            record.sequence, record.run
        ))
    };
    Ok(Line {
        sequence: i64::try_from(record.sequence).map_err(|error| failed(&error))?,
        epoch: i64::try_from(record.epoch.0).map_err(|error| failed(&error))?,
        kind: record.event.kind(),
        digest: linked.head().digest.to_string(),
        body: linked.text().to_owned(),
    })
}
