//! A journal that is measured.

use lockstep_engine::journal::{Epoch, Head, Linked};
use lockstep_engine::model::RunId;
use lockstep_engine::run::{AppendError, Journal};
use tokio::time::Instant;

use super::registry::Metrics;

/// A journal whose records are counted once they are durable.
pub(crate) struct Measured<'a, J> {
    /// The journal.
    pub(crate) journal: J,
    /// Where they are counted.
    pub(crate) metrics: &'a Metrics,
}

impl<J: Journal> Journal for Measured<'_, J> {
    async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        records: &[Linked],
    ) -> Result<(), AppendError> {
        let begun = Instant::now();
        self.journal.append(run, epoch, after, records).await?;
        self.metrics.appended(run, records, begun.elapsed().as_secs_f64());
        Ok(())
    }
}
