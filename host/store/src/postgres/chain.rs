//! Reading records and where they end from the schema.

use lockstep_engine::journal::Head;
use lockstep_engine::model::RunId;
use tokio_postgres::types::Type;

use super::server::Server;
use crate::chain::Kept;
use crate::error::StoreError;
use crate::run::parsed;

impl Server {
    pub(crate) async fn kept(&self, run: &RunId) -> Result<Option<Vec<Kept>>, StoreError> {
        // A run without records has one row of nothing, and no run has none.
        let rows = self
            .look(
                "SELECT sequence, epoch, kind, digest, body
                 FROM runs LEFT JOIN records ON records.run = runs.number WHERE runs.id = $1 ORDER BY sequence",
                &[(&run.as_str(), Type::TEXT)],
            )
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(sequence) = row.try_get(0)? {
                kept.push(Kept {
                    sequence,
                    epoch: row.try_get(1)?,
                    kind: row.try_get(2)?,
                    digest: row.try_get(3)?,
                    body: row.try_get(4)?,
                });
            }
        }
        Ok(Some(kept))
    }

    pub(crate) async fn head(&self, run: &RunId) -> Result<Option<Head>, StoreError> {
        let rows = self
            .look(
                "SELECT sequence, digest
                 FROM runs LEFT JOIN records ON records.run = runs.number WHERE runs.id = $1
                 ORDER BY sequence DESC NULLS LAST LIMIT 1",
                &[(&run.as_str(), Type::TEXT)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let Some(sequence) = row.try_get::<_, Option<i64>>(0)? else {
            return Ok(Some(Head::start(run)));
        };
        let digest = parsed(row.try_get(1)?)?;
        Ok(Some(Head { next: sequence.cast_unsigned().saturating_add(1), digest }))
    }
}
