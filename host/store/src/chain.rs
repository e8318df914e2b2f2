//! Reading a run's records back, as the chain that they must be.

use lockstep_engine::journal::{BrokenChain, Epoch, Head, Record};
use lockstep_engine::model::RunId;
use serde::Deserialize;

use crate::append::end;
use crate::error::StoreError;
use crate::run::number;
use crate::store::Store;

/// The newest format of a record that this code reads.
const FORMAT: u32 = 1;

/// A run's records can't be read, or are not what was written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// There is no such run.
    #[error("run {0} is not in this store")]
    NoRun(RunId),
    /// A newer version of lockstep wrote one of them.
    #[error(
        "record {sequence} of run {run} has format {found}, and this lockstep reads up to {FORMAT}"
    )]
    Newer {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
        /// Its format.
        found: u32,
    },
    /// One is not a record.
    #[error("could not read record {sequence} of run {run}")]
    Malformed {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// One belongs to another run, was not written under a lease that it could have, or is not the one that was kept.
    #[error("record {sequence} of run {run} is not the one that was written there")]
    Foreign {
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
    },
    /// They are not one unbroken chain.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Store {
    /// Returns the run's records, proven to be one unbroken chain from its beginning.
    ///
    /// A missing tail does not show in a chain: compare [`Self::head`] with one that was kept elsewhere.
    pub fn records(&self, run: &RunId) -> Result<Vec<Record>, RecordsError> {
        let kept = self.look(|connection| {
            let number =
                number(connection, run)?.ok_or_else(|| RecordsError::NoRun(run.clone()))?;
            let mut select = connection
                .prepare_cached("SELECT body, digest FROM records WHERE run = ?1 ORDER BY sequence")
                .map_err(StoreError::from)?;
            let rows = select
                .query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))
                .map_err(StoreError::from)?;
            Ok::<_, RecordsError>(
                rows.collect::<Result<Vec<(String, String)>, _>>().map_err(StoreError::from)?,
            )
        })?;
        verify(run, &kept)
    }

    /// Returns where the run's journal ends.
    pub fn head(&self, run: &RunId) -> Result<Head, RecordsError> {
        self.look(|connection| {
            let number =
                number(connection, run)?.ok_or_else(|| RecordsError::NoRun(run.clone()))?;
            Ok(end(connection, number, run)?)
        })
    }
}

fn verify(run: &RunId, kept: &[(String, String)]) -> Result<Vec<Record>, RecordsError> {
    let mut head = Head::start(run);
    let mut newest = Epoch::default();
    let mut records = Vec::with_capacity(kept.len());
    for (body, digest) in kept {
        let record = read(run, head.next, body)?;
        head = head.after(&record)?;
        if record.run != *run || record.epoch < newest || head.digest.to_string() != *digest {
            return Err(RecordsError::Foreign { run: run.clone(), sequence: record.sequence });
        }
        newest = record.epoch;
        records.push(record);
    }
    Ok(records)
}

fn read(run: &RunId, sequence: u64, body: &str) -> Result<Record, RecordsError> {
    let malformed = |source| RecordsError::Malformed { run: run.clone(), sequence, source };
    // The format comes first: a newer record may have any other shape.
    let Format { format } = serde_json::from_str(body).map_err(malformed)?;
    if format != FORMAT {
        return Err(RecordsError::Newer { run: run.clone(), sequence, found: format });
    }
    serde_json::from_str(body).map_err(malformed)
}
