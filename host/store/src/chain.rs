//! Reading a run's records back, as the chain that they must be.

use lockstep_engine::journal::{BrokenChain, Epoch, Head, Record};
use lockstep_engine::model::{RunId, canonical};
use serde::Deserialize;

use crate::error::StoreError;
use crate::flaw::Flaw;
use crate::store::{Backend, Store};

/// The newest format of a record that this code reads.
const FORMAT: u32 = 1;

/// A record as it was found, with what stands beside its text in the tables.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) sequence: i64,
    pub(crate) epoch: i64,
    pub(crate) kind: String,
    pub(crate) digest: String,
    pub(crate) body: String,
}

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
    /// They are not the unbroken chain that was written.
    #[error(transparent)]
    Flaw(#[from] Flaw),
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
    /// A missing tail does not show in a chain: [`Self::verify`] takes a digest that was kept elsewhere.
    pub async fn records(&self, run: &RunId) -> Result<Vec<Record>, RecordsError> {
        let kept = self.kept(run).await?.ok_or_else(|| RecordsError::NoRun(run.clone()))?;
        let mut walk = Walk::new(run);
        kept.iter().map(|kept| walk.step(kept)).collect()
    }

    /// Returns where the run's journal ends.
    pub async fn head(&self, run: &RunId) -> Result<Head, RecordsError> {
        let head = match &self.backend {
            Backend::Sqlite(file) => file.head(run),
            Backend::Postgres(server) => server.head(run).await,
        };
        head?.ok_or_else(|| RecordsError::NoRun(run.clone()))
    }

    /// Returns the run's records as they are kept, in order; none if there is no such run.
    pub(crate) async fn kept(&self, run: &RunId) -> Result<Option<Vec<Kept>>, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.kept(run),
            Backend::Postgres(server) => server.kept(run).await,
        }
    }
}

/// A walk along a run's chain.
pub(crate) struct Walk<'a> {
    run: &'a RunId,
    head: Head,
    newest: Epoch,
}

impl<'a> Walk<'a> {
    /// Stands at the run's beginning.
    pub(crate) fn new(run: &'a RunId) -> Self {
        Self { run, head: Head::start(run), newest: Epoch::default() }
    }

    /// Returns where the walk has come to.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Goes on to a record as the store keeps it, and proves that what stands beside its text fits.
    pub(crate) fn step(&mut self, kept: &Kept) -> Result<Record, RecordsError> {
        let sequence = self.head.next;
        if kept.sequence != sequence.cast_signed() {
            return Err(Flaw::Missing { run: self.run.clone(), sequence }.into());
        }
        let record = self.text(&kept.body)?;
        let fits = record.epoch.0.cast_signed() == kept.epoch
            && record.event.kind() == kept.kind
            && self.head.digest.to_string() == kept.digest;
        if fits { Ok(record) } else { Err(self.changed(sequence).into()) }
    }

    /// Goes on to a record's text, and proves that it is the one that follows.
    pub(crate) fn text(&mut self, text: &str) -> Result<Record, RecordsError> {
        let sequence = self.head.next;
        let record = read(self.run, sequence, text)?;
        let unreadable = |source| Flaw::Unreadable { run: self.run.clone(), sequence, source };
        if record.run != *self.run {
            let (run, of) = (self.run.clone(), record.run);
            return Err(Flaw::Foreign { run, sequence, of }.into());
        }
        // Two texts may read as the same record; only one of them was written.
        if canonical(&record).map_err(unreadable)? != text || record.epoch < self.newest {
            return Err(self.changed(sequence).into());
        }
        self.head = self.head.after(&record).map_err(|broken| match broken {
            BrokenChain::Gap { found, .. } => {
                Flaw::OutOfPlace { run: self.run.clone(), sequence, found }
            }
            BrokenChain::Changed { .. } => self.changed(sequence),
            BrokenChain::Unhashable(source) => unreadable(source),
        })?;
        self.newest = record.epoch;
        Ok(record)
    }

    fn changed(&self, sequence: u64) -> Flaw {
        Flaw::Changed { run: self.run.clone(), sequence }
    }
}

/// Reads one record of any format that there ever was.
pub(crate) fn read(run: &RunId, sequence: u64, text: &str) -> Result<Record, RecordsError> {
    let unreadable = |source| Flaw::Unreadable { run: run.clone(), sequence, source };
    // The format comes first: a newer record may have any other shape.
    let Format { format } = serde_json::from_str(text).map_err(unreadable)?;
    match format {
        FORMAT => Ok(serde_json::from_str(text).map_err(unreadable)?),
        found => Err(RecordsError::Newer { run: run.clone(), sequence, found }),
    }
}
