//! Retention in the schema.

use lockstep_engine::model::Moment;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::server::Server;
use crate::error::StoreError;
use crate::retention::{Ended, Pruned, chosen};
use crate::run::parsed;

/// The runs that have ended, oldest first.
const ENDED: &str = "
SELECT number, id, environment, component, last.sequence, last.body
FROM runs JOIN LATERAL (
    SELECT sequence, kind, body FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1
) last ON last.kind = 'finished' ORDER BY number";

/// The blobs that only the runs with these numbers rest on.
const UNUSED: &str = "
SELECT digest, length(bytes)::bigint FROM blobs
WHERE digest IN (SELECT digest FROM attachments WHERE run = ANY ($1))
  AND digest NOT IN (SELECT digest FROM attachments WHERE run <> ALL ($1))
ORDER BY digest";

impl Server {
    pub(crate) async fn prunable(&self, before: Moment) -> Result<Pruned, StoreError> {
        let (numbers, runs) = chosen(&ended(&self.look(ENDED, &[]).await?)?, before);
        let unused = self.look(UNUSED, &[(&numbers, Type::INT8_ARRAY)]).await?;
        pruned(Pruned { runs, ..Pruned::default() }, &unused)
    }

    pub(crate) async fn prune(&self, before: Moment) -> Result<Pruned, StoreError> {
        self.apart(async move |server| server.prune_now(before).await).await
    }

    async fn prune_now(&self, before: Moment) -> Result<Pruned, StoreError> {
        let change = self.begin().await?;
        let (numbers, runs) = chosen(&ended(&change.rows(ENDED, &[]).await?)?, before);
        let all = [(&numbers as _, Type::INT8_ARRAY)];
        // Whoever prunes at the same time waits here, and then finds nothing left to name.
        change.execute("INSERT INTO removals SELECT unnest($1)", &all).await?;
        change
            .execute("UPDATE leases SET run = NULL, holder = NULL WHERE run = ANY ($1)", &all)
            .await?;
        // A run that is being made keeps the bytes that it rests on from being removed; what is unused is read after that.
        change
            .rows(
                "SELECT FROM blobs WHERE digest IN (SELECT digest FROM attachments WHERE run = ANY ($1))
                 ORDER BY digest FOR UPDATE",
                &all,
            )
            .await?;
        let pruned =
            pruned(Pruned { runs, ..Pruned::default() }, &change.rows(UNUSED, &all).await?)?;
        for statement in [
            "DELETE FROM records WHERE run = ANY ($1)",
            "DELETE FROM memos WHERE run = ANY ($1)",
            "DELETE FROM attachments WHERE run = ANY ($1)",
            "DELETE FROM runs WHERE number = ANY ($1)",
            "DELETE FROM removals WHERE run = ANY ($1)",
        ] {
            change.execute(statement, &all).await?;
        }
        let digests: Vec<String> = pruned.blobs.iter().map(ToString::to_string).collect();
        let delete = "DELETE FROM blobs WHERE digest = ANY ($1)";
        change.execute(delete, &[(&digests, Type::TEXT_ARRAY)]).await?;
        change.commit().await?;
        Ok(pruned)
    }
}

fn ended(rows: &[Row]) -> Result<Vec<Ended>, StoreError> {
    rows.iter()
        .map(|row| {
            Ok(Ended {
                number: row.try_get(0)?,
                id: row.try_get(1)?,
                environment: row.try_get(2)?,
                component: row.try_get(3)?,
                sequence: row.try_get(4)?,
                body: row.try_get(5)?,
            })
        })
        .collect()
}

fn pruned(mut pruned: Pruned, unused: &[Row]) -> Result<Pruned, StoreError> {
    for row in unused {
        pruned.blobs.push(parsed(row.try_get(0)?)?);
        pruned.bytes += row.try_get::<_, i64>(1)?.cast_unsigned();
    }
    Ok(pruned)
}
