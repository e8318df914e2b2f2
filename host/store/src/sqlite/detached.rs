//! Detached runs in the file, whose write transaction is the lock.

use lockstep_engine::model::{Moment, RunId};
use rusqlite::Connection;

use super::file::File;
use super::lease::take;
use crate::detached::{Candidate, sortable};
use crate::error::StoreError;
use crate::holder::Holder;
use crate::lease::Lease;
use crate::run::parsed;

/// The kind of a run's last event; the run's number is `runs.number`.
const LAST: &str =
    "(SELECT kind FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1)";

impl File {
    /// Returns whether there is such a run that has not ended.
    pub(crate) async fn write_due(
        &self,
        run: &RunId,
        due: Option<i64>,
    ) -> Result<bool, StoreError> {
        let run = run.clone();
        let written = self.change(move |connection| {
            let statement =
                format!("UPDATE runs SET due = ?2 WHERE id = ?1 AND {LAST} IS NOT 'finished'");
            let written = connection.prepare_cached(&statement)?.execute((run.as_str(), due))?;
            Ok(if written == 1 { Ok(()) } else { Err(()) })
        });
        Ok(written.await?.is_ok())
    }

    pub(crate) async fn take_next(
        &self,
        holder: &Holder,
        now: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        let here = holder.clone();
        let taken = self.change(move |connection| {
            for candidate in candidates(connection, now)? {
                let wanted = candidate.wanted(&here, now);
                if let Ok(lease) = take(connection, &wanted, candidate.number)? {
                    return Ok(Ok(lease));
                }
            }
            Ok(Err(()))
        });
        Ok(taken.await?.ok())
    }
}

/// Returns the detached runs that are due, the longest due first.
fn candidates(connection: &Connection, now: Moment) -> Result<Vec<Candidate>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT number, id, environment FROM runs
         WHERE due <= ?1 AND {LAST} IS NOT 'finished' ORDER BY due, number"
    ))?;
    let mut rows = select.query([sortable(now)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Candidate {
            number: row.get(0)?,
            run: parsed(&row.get::<_, String>(1)?)?,
            environment: row.get(2)?,
        });
    }
    Ok(found)
}
