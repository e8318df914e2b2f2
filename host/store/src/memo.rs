//! Memos: what a step's check last gave back to itself, outside the chain because losing one is harmless.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{Fact, RunId, StepId};
use lockstep_engine::run::AppendError;
use rusqlite::OptionalExtension;

use crate::append::{Refused, leased};
use crate::error::StoreError;
use crate::store::Store;

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
        let (name, step) = (run.clone(), step.clone());
        let kept = self.change(move |connection| {
            let number = match leased(connection, &name, epoch)? {
                Ok(number) => number,
                Err(refused) => return Ok(Err(refused)),
            };
            connection
                .prepare_cached(
                    "INSERT INTO memos VALUES (?1, ?2, ?3) ON CONFLICT (run, step) DO UPDATE SET memo = excluded.memo",
                )?
                .execute((number, step.as_str(), &text))?;
            Ok(Ok(()))
        });
        kept.await.map_err(|error| AppendError::Store(error.to_string()))?.map_err(|refused| {
            match refused {
                Refused::Superseded | Refused::Diverged => AppendError::Superseded { epoch },
                Refused::NoRun => AppendError::Store(format!("run {run} is not in this store")),
            }
        })
    }

    /// Returns the newest memo of a run's step; none if there is none that can be read.
    pub fn memo(&self, run: &RunId, step: &StepId) -> Result<Option<Vec<Fact>>, StoreError> {
        let text: Option<String> = self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT memo FROM memos JOIN runs ON runs.number = run WHERE runs.id = ?1 AND step = ?2",
            )?;
            let found = select.query_row([run.as_str(), step.as_str()], |row| row.get(0)).optional()?;
            Ok::<_, StoreError>(found)
        })?;
        Ok(text.and_then(|text| match serde_json::from_str(&text) {
            Ok(memo) => Some(memo),
            Err(error) => {
                tracing::warn!(%run, %step, %error, "a memo can't be read and is forgotten");
                None
            }
        }))
    }
}
