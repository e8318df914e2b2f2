//! Retention: runs that ended long ago are removed, whole and together with what nothing else rests on.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Digest, Moment, RunId};

use crate::chain::read;
use crate::error::StoreError;
use crate::store::{Backend, Store};

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The runs, oldest first.
    pub runs: Vec<PrunedRun>,
    /// The blobs that only they rested on.
    pub blobs: Vec<Digest>,
    /// How many bytes those blobs have.
    pub bytes: u64,
}

/// A run that was removed, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunedRun {
    /// Its id.
    pub id: RunId,
    /// The id of the environment that it changed.
    pub environment: String,
    /// What it upgraded.
    pub component: String,
    /// When it ended.
    pub ended: Moment,
    /// How many records it had.
    pub records: u64,
}

/// A run whose last record says that it ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) environment: String,
    pub(crate) component: String,
    pub(crate) sequence: i64,
    pub(crate) body: String,
}

impl Store {
    /// Removes the runs that ended before `before`, in one transaction, and returns what was removed.
    ///
    /// A run that has not ended is never removed, however old it is, and neither is one whose last record can't be read.
    /// The epochs of environments stay, so that none is given again.
    pub async fn prune(&self, before: Moment) -> Result<Pruned, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.prune(before).await,
            Backend::Postgres(server) => server.prune(before).await,
        }
    }

    /// Returns what [`Self::prune`] would remove now, and removes nothing.
    pub async fn prunable(&self, before: Moment) -> Result<Pruned, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.prunable(before),
            Backend::Postgres(server) => server.prunable(before).await,
        }
    }
}

impl Ended {
    /// Returns the run if it ended before `before`, by what its last record itself says.
    fn before(&self, before: Moment) -> Option<PrunedRun> {
        let id: RunId = self.id.parse().ok()?;
        let record = match read(&id, self.sequence.cast_unsigned(), &self.body) {
            Ok(record) => record,
            Err(error) => {
                tracing::warn!(run = %id, %error, "a run whose end can't be read is kept");
                return None;
            }
        };
        let ended = matches!(record.event, Event::Finished { .. }) && record.at < before;
        ended.then(|| PrunedRun {
            id,
            environment: self.environment.clone(),
            component: self.component.clone(),
            ended: record.at,
            records: self.sequence.cast_unsigned().saturating_add(1),
        })
    }
}

/// Returns the numbers of the runs that ended before `before`, and the runs.
pub(crate) fn chosen(ended: &[Ended], before: Moment) -> (Vec<i64>, Vec<PrunedRun>) {
    ended.iter().filter_map(|ended| Some((ended.number, ended.before(before)?))).unzip()
}
