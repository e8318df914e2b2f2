//! Memos in the file.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{RunId, StepId};
use rusqlite::OptionalExtension;

use super::append::leased;
use super::file::File;
use crate::append::Refused;
use crate::error::StoreError;

impl File {
    pub(crate) async fn keep_memo(
        &self,
        run: &RunId,
        epoch: Epoch,
        step: &StepId,
        text: String,
    ) -> Result<Result<(), Refused>, StoreError> {
        let (name, step) = (run.clone(), step.clone());
        self.change(move |connection| {
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
        })
        .await
    }

    pub(crate) fn memo(&self, run: &RunId, step: &StepId) -> Result<Option<String>, StoreError> {
        self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT memo FROM memos JOIN runs ON runs.number = run WHERE runs.id = ?1 AND step = ?2",
            )?;
            Ok(select.query_row([run.as_str(), step.as_str()], |row| row.get(0)).optional()?)
        })
    }
}
