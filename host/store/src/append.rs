//! Appending: conditional on the lease and on the journal's end, in the transaction that writes.

use lockstep_engine::journal::{Epoch, Head, Linked};
use lockstep_engine::model::RunId;
use lockstep_engine::run::{AppendError, Journal};
use rusqlite::{Connection, OptionalExtension};

use crate::error::StoreError;
use crate::store::Store;

/// A record as it is kept.
pub(crate) struct Line {
    sequence: i64,
    epoch: i64,
    kind: &'static str,
    digest: String,
    body: String,
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
        let (name, head) = (run.clone(), *after);
        let appended = self
            .change(move |connection| {
                let number = match leased(connection, &name, epoch)? {
                    Ok(number) => number,
                    Err(refused) => return Ok(Err(refused)),
                };
                if end(connection, number, &name)? != head {
                    return Ok(Err(Refused::Diverged));
                }
                write(connection, number, &lines)?;
                Ok(Ok(()))
            })
            .await
            .map_err(|error| AppendError::Store(error.to_string()))?;
        appended.map_err(|refused| match refused {
            Refused::Superseded => AppendError::Superseded { epoch },
            Refused::Diverged => AppendError::Diverged,
            Refused::NoRun => AppendError::Store(format!("run {run} is not in this store")),
        })
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

/// Writes `lines` at the end of a run.
pub(crate) fn write(connection: &Connection, run: i64, lines: &[Line]) -> Result<(), StoreError> {
    let mut insert =
        connection.prepare_cached("INSERT INTO records VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6)")?;
    for Line { sequence, epoch, kind, digest, body } in lines {
        insert.execute((run, sequence, epoch, kind, digest, body))?;
    }
    Ok(())
}

/// Returns the run's number if the run holds its environment under `epoch`.
pub(crate) fn leased(
    connection: &Connection,
    run: &RunId,
    epoch: Epoch,
) -> Result<Result<i64, Refused>, StoreError> {
    let row = connection
        .prepare_cached(
            "SELECT runs.number, leases.epoch FROM runs
             LEFT JOIN leases ON leases.environment = runs.environment AND leases.run = runs.number
                  AND leases.holder IS NOT NULL
             WHERE runs.id = ?1",
        )?
        .query_row([run.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))
        .optional()?;
    Ok(match row {
        None => Err(Refused::NoRun),
        Some((number, held)) if held == i64::try_from(epoch.0).ok() && held.is_some() => Ok(number),
        Some(_) => Err(Refused::Superseded),
    })
}

/// Returns where the run's journal ends.
pub(crate) fn end(connection: &Connection, number: i64, run: &RunId) -> Result<Head, StoreError> {
    let last = connection
        .prepare_cached(
            "SELECT sequence, digest FROM records WHERE run = ?1 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([number], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((sequence, digest)) = last else { return Ok(Head::start(run)) };
    let damaged = |error: &dyn std::fmt::Display| {
        StoreError::Damaged(format!("record {sequence} of run {run}: {error}"))
    };
    let next = u64::try_from(sequence).map_err(|error| damaged(&error))?.saturating_add(1);
    let digest = digest.parse().map_err(|error| damaged(&error))?;
    Ok(Head { next, digest })
}
