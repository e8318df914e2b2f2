//! Appending to the file.

use lockstep_engine::journal::{Epoch, Head};
use lockstep_engine::model::RunId;
use rusqlite::{Connection, OptionalExtension};

use super::file::File;
use crate::append::{Line, Refused};
use crate::error::StoreError;

impl File {
    pub(crate) async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        lines: Vec<Line>,
    ) -> Result<Result<(), Refused>, StoreError> {
        let (name, head) = (run.clone(), *after);
        self.change(move |connection| {
            let (number, end) = match place(connection, &name, epoch)? {
                Ok(place) => place,
                Err(refused) => return Ok(Err(refused)),
            };
            if end != head {
                return Ok(Err(Refused::Diverged));
            }
            write(connection, number, &lines)?;
            Ok(Ok(()))
        })
        .await
    }
}

/// Writes `lines` at the end of a run.
pub(super) fn write(connection: &Connection, run: i64, lines: &[Line]) -> Result<(), StoreError> {
    let mut insert =
        connection.prepare_cached("INSERT INTO records VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6)")?;
    for Line { sequence, epoch, kind, digest, body } in lines {
        insert.execute((run, sequence, epoch, kind, digest, body))?;
    }
    // Nothing is left to do for a runner.
    if lines.iter().any(|line| line.kind == "finished") {
        connection
            .prepare_cached("UPDATE runs SET due = NULL WHERE number = ?1 AND due IS NOT NULL")?
            .execute([run])?;
    }
    Ok(())
}

/// Returns the run's number if the run holds its environment under `epoch`.
pub(super) fn leased(
    connection: &Connection,
    run: &RunId,
    epoch: Epoch,
) -> Result<Result<i64, Refused>, StoreError> {
    Ok(place(connection, run, epoch)?.map(|(number, _)| number))
}

/// Returns the run's number and where its journal ends, if the run holds its environment under `epoch`.
fn place(
    connection: &Connection,
    run: &RunId,
    epoch: Epoch,
) -> Result<Result<(i64, Head), Refused>, StoreError> {
    // One statement, because every append waits for it.
    let row = connection
        .prepare_cached(
            "SELECT runs.number, leases.epoch, last.sequence, last.digest FROM runs
             LEFT JOIN leases ON leases.environment = runs.environment AND leases.run = runs.number
                  AND leases.holder IS NOT NULL
             LEFT JOIN records last ON last.run = runs.number
                  AND last.sequence = (SELECT max(sequence) FROM records WHERE run = runs.number)
             WHERE runs.id = ?1",
        )?
        .query_row([run.as_str()], |row| {
            let last = row.get::<_, Option<i64>>(2)?.zip(row.get::<_, Option<String>>(3)?);
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, last))
        })
        .optional()?;
    Ok(match row {
        None => Err(Refused::NoRun),
        Some((number, held, last)) if held.is_some() && held == i64::try_from(epoch.0).ok() => {
            Ok((number, head(run, last)?))
        }
        Some(_) => Err(Refused::Superseded),
    })
}

/// Returns where the run's journal ends.
pub(super) fn end(connection: &Connection, number: i64, run: &RunId) -> Result<Head, StoreError> {
    let last = connection
        .prepare_cached(
            "SELECT sequence, digest FROM records WHERE run = ?1 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([number], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    head(run, last)
}

/// Returns the head after the last record's number and digest.
fn head(run: &RunId, last: Option<(i64, String)>) -> Result<Head, StoreError> {
    let Some((sequence, digest)) = last else { return Ok(Head::start(run)) };
    let damaged = |error: &dyn std::fmt::Display| {
        StoreError::Damaged(format!("record {sequence} of run {run}: {error}"))
    };
    let next = u64::try_from(sequence).map_err(|error| damaged(&error))?.saturating_add(1);
    let digest = digest.parse().map_err(|error| damaged(&error))?;
    Ok(Head { next, digest })
}
