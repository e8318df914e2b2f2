//! Memos in the schema.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{RunId, StepId};
use tokio_postgres::types::Type;

use super::server::Server;
use crate::append::Refused;
use crate::error::StoreError;

impl Server {
    pub(crate) async fn keep_memo(
        &self,
        run: RunId,
        epoch: Epoch,
        step: StepId,
        text: String,
    ) -> Result<Result<(), Refused>, StoreError> {
        self.apart(async move |server| server.keep_memo_now(&run, epoch, &step, text).await).await
    }

    async fn keep_memo_now(
        &self,
        run: &RunId,
        epoch: Epoch,
        step: &StepId,
        text: String,
    ) -> Result<Result<(), Refused>, StoreError> {
        let epoch = i64::try_from(epoch.0).unwrap_or(-1);
        let change = self.begin().await?;
        let kept = change
            .execute(
                "WITH held AS (
                     SELECT r.number FROM runs r JOIN leases l ON l.environment = r.environment
                     WHERE r.id = $1 AND l.run = r.number AND l.holder IS NOT NULL AND l.epoch = $2
                     FOR NO KEY UPDATE OF l
                 )
                 INSERT INTO memos SELECT number, $3, $4 FROM held
                 ON CONFLICT (run, step) DO UPDATE SET memo = excluded.memo",
                &[
                    (&run.as_str(), Type::TEXT),
                    (&epoch, Type::INT8),
                    (&step.as_str(), Type::TEXT),
                    (&text, Type::TEXT),
                ],
            )
            .await?;
        if kept == 1 {
            return change.commit().await.map(Ok);
        }
        let select = "SELECT FROM runs WHERE id = $1";
        let known = change.row(select, &[(&run.as_str(), Type::TEXT)]).await?.is_some();
        change.roll_back().await?;
        Ok(Err(if known { Refused::Superseded } else { Refused::NoRun }))
    }

    pub(crate) async fn memo(
        &self,
        run: &RunId,
        step: &StepId,
    ) -> Result<Option<String>, StoreError> {
        let rows = self
            .look(
                "SELECT memo FROM memos JOIN runs ON runs.number = run WHERE runs.id = $1 AND step = $2",
                &[(&run.as_str(), Type::TEXT), (&step.as_str(), Type::TEXT)],
            )
            .await?;
        rows.first().map(|row| Ok(row.try_get(0)?)).transpose()
    }
}
