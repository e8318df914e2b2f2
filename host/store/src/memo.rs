//! Memos: what a step's check last gave back to itself, outside the chain because losing one is harmless.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{Fact, RunId, StepId};
use lockstep_engine::run::AppendError;

use crate::error::StoreError;
use crate::store::{Backend, Store};

impl Store {
    /// Keeps the newest memo of a run's step, under the same lease as its records.
    pub async fn keep_memo(
        &self,
        run: &RunId,
        epoch: Epoch,
        step: &StepId,
        memo: &[Fact],
    ) -> Result<(), AppendError> {
        let text =
            serde_json::to_string(memo).map_err(|error| AppendError::Store(error.to_string()))?;
        let kept = match &self.backend {
            Backend::Sqlite(file) => file.keep_memo(run, epoch, step, text).await,
            Backend::Postgres(server) => {
                server.keep_memo(run.clone(), epoch, step.clone(), text).await
            }
        };
        kept.map_err(|error| AppendError::Store(error.to_string()))?
            .map_err(|refused| refused.told(run, epoch))
    }

    /// Returns the newest memo of a run's step; none if there is none that can be read.
    pub async fn memo(&self, run: &RunId, step: &StepId) -> Result<Option<Vec<Fact>>, StoreError> {
        let text = match &self.backend {
            Backend::Sqlite(file) => file.memo(run, step),
            Backend::Postgres(server) => server.memo(run, step).await,
        }?;
        Ok(text.and_then(|text| match serde_json::from_str(&text) {
            Ok(memo) => Some(memo),
            Err(error) => {
                tracing::warn!(%run, %step, %error, "a memo can't be read and is forgotten");
                None
            }
        }))
    }
}
