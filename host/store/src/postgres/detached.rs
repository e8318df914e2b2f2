//! Detached runs in the schema.

use lockstep_engine::model::{Moment, RunId};
use tokio_postgres::types::Type;

use super::lease::{free, give};
use super::server::Server;
use crate::detached::{Candidate, sortable};
use crate::error::StoreError;
use crate::holder::Holder;
use crate::lease::Lease;
use crate::run::parsed;

/// The detached runs that are due, the longest due first.
const CANDIDATES: &str = "
SELECT number, id, environment FROM runs
WHERE due <= $1 AND (SELECT kind FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1)
      IS DISTINCT FROM 'finished'
ORDER BY due, number";

impl Server {
    /// Returns whether there is such a run that has not ended.
    pub(crate) async fn write_due(&self, run: RunId, due: Option<i64>) -> Result<bool, StoreError> {
        self.apart(async move |server| server.write_due_now(&run, due).await).await
    }

    async fn write_due_now(&self, run: &RunId, due: Option<i64>) -> Result<bool, StoreError> {
        let change = self.begin().await?;
        // The lease's row is what an append locks, so the run's last record is not written meanwhile.
        let name = [(&run.as_str() as _, Type::TEXT)];
        let lock = "SELECT FROM leases WHERE environment = (SELECT environment FROM runs WHERE id = $1) FOR UPDATE";
        change.rows(lock, &name).await?;
        let written = change
            .execute(
                "UPDATE runs SET due = $2 WHERE id = $1
                 AND (SELECT kind FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1)
                     IS DISTINCT FROM 'finished'",
                &[(&run.as_str(), Type::TEXT), (&due, Type::INT8)],
            )
            .await?;
        change.commit().await?;
        Ok(written == 1)
    }

    pub(crate) async fn take_next(
        &self,
        holder: Holder,
        now: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        self.apart(async move |server| server.take_next_now(&holder, now).await).await
    }

    async fn take_next_now(
        &self,
        holder: &Holder,
        now: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        for row in self.look(CANDIDATES, &[(&sortable(now), Type::INT8)]).await? {
            let number: i64 = row.try_get(0)?;
            let (run, environment) = (parsed(row.try_get(1)?)?, row.try_get(2)?);
            let candidate = Candidate { number, run, environment };
            // What a process surely works on needs no lock to be passed over.
            let wanted = candidate.wanted(holder, now);
            let seen = self.holding(&candidate.environment, holder).await?;
            if wanted.free(seen)?.is_err() {
                continue;
            }
            if let Some(lease) = self.take(&candidate, holder, now).await? {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    /// Takes a run that seemed to be free, unless another runner is about to.
    async fn take(
        &self,
        candidate: &Candidate,
        holder: &Holder,
        now: Moment,
    ) -> Result<Option<Lease>, StoreError> {
        let change = self.begin().await?;
        let lock = "SELECT FROM leases WHERE environment = $1 FOR UPDATE SKIP LOCKED";
        let locked = change.row(lock, &[(&candidate.environment, Type::TEXT)]).await?;
        // Since it was looked for, it may have been recalled, put off, or brought to its end.
        let due = format!("SELECT FROM ({CANDIDATES}) still WHERE number = $2");
        let still = [(&sortable(now) as _, Type::INT8), (&candidate.number as _, Type::INT8)];
        if locked.is_some() && change.row(&due, &still).await?.is_some() {
            let wanted = candidate.wanted(holder, now);
            if let Ok(free) = free(&change, &wanted).await? {
                let lease = give(&change, &wanted, free, candidate.number).await?;
                change.commit().await?;
                return Ok(Some(lease));
            }
        }
        change.roll_back().await?;
        Ok(None)
    }
}
