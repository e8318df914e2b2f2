//! Runs in the schema.

use std::collections::BTreeMap;

use lockstep_engine::model::{Digest, Moment, RunId};
use tokio_postgres::types::Type;

use super::lease::{free, give};
use super::server::{Change, Server};
use crate::error::StoreError;
use crate::lease::{Lease, Wanted};
use crate::run::{BeginRunError, CreateRunError, First, NewRun, RunSummary, parsed};

impl Server {
    pub(crate) async fn create_run(
        &self,
        first: First,
    ) -> Result<Result<(), CreateRunError>, StoreError> {
        self.apart(async move |server| server.create_run_now(first).await).await
    }

    async fn create_run_now(&self, first: First) -> Result<Result<(), CreateRunError>, StoreError> {
        let change = self.begin().await?;
        match make(&change, &first).await? {
            Ok(_number) => change.commit().await.map(Ok),
            Err(refused) => {
                change.roll_back().await?;
                Ok(Err(refused))
            }
        }
    }

    pub(crate) async fn begin_run(
        &self,
        first: First,
        wanted: Wanted,
    ) -> Result<Result<Lease, BeginRunError>, StoreError> {
        self.apart(async move |server| server.begin_run_now(first, wanted).await).await
    }

    async fn begin_run_now(
        &self,
        first: First,
        wanted: Wanted,
    ) -> Result<Result<Lease, BeginRunError>, StoreError> {
        let change = self.begin().await?;
        known(&change, &first.new).await?;
        let begun = match free(&change, &wanted).await? {
            Ok(free) => match make(&change, &first).await? {
                Ok(number) => Ok(give(&change, &wanted, free, number).await?),
                Err(refused) => Err(BeginRunError::from(refused)),
            },
            Err(held) => Err(held.into()),
        };
        match begun {
            Ok(lease) => {
                change.commit().await?;
                Ok(Ok(lease))
            }
            Err(refused) => {
                change.roll_back().await?;
                Ok(Err(refused))
            }
        }
    }

    pub(crate) async fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let rows = self
            .look(
                "SELECT id, environment, component, plan, created, coalesce(last.sequence + 1, 0), last.kind, due
                 FROM runs LEFT JOIN LATERAL (
                     SELECT sequence, kind FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1
                 ) last ON true ORDER BY number DESC",
                &[],
            )
            .await?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows {
            runs.push(RunSummary {
                id: parsed(row.try_get(0)?)?,
                environment: row.try_get(1)?,
                component: row.try_get(2)?,
                plan: parsed(row.try_get(3)?)?,
                created: Moment(row.try_get::<_, i64>(4)?.cast_unsigned()),
                records: row.try_get::<_, i64>(5)?.cast_unsigned(),
                last: row.try_get(6)?,
                due: row.try_get::<_, Option<i64>>(7)?.map(|due| Moment(due.cast_unsigned())),
            });
        }
        Ok(runs)
    }

    /// Returns the ids that begin with `text`, newest first.
    pub(crate) async fn run_ids(&self, text: &str) -> Result<Vec<RunId>, StoreError> {
        let rows = self
            .look(
                "SELECT id FROM runs WHERE $1 <> '' AND left(id, length($1)) = $1 ORDER BY number DESC",
                &[(&text, Type::TEXT)],
            )
            .await?;
        rows.iter().map(|row| parsed(row.try_get(0)?)).collect()
    }

    pub(crate) async fn attachments(
        &self,
        run: &RunId,
    ) -> Result<BTreeMap<String, Digest>, StoreError> {
        let rows = self
            .look(
                "SELECT role, digest FROM attachments JOIN runs ON runs.number = run WHERE runs.id = $1",
                &[(&run.as_str(), Type::TEXT)],
            )
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, parsed(row.try_get(1)?)?))).collect()
    }
}

/// Makes sure that the environment has a row, which is what is locked.
async fn known(change: &Change<'_>, new: &NewRun) -> Result<(), StoreError> {
    change
        .execute(
            "INSERT INTO leases VALUES ($1, 0, NULL, NULL, 0, 0, clock_timestamp()) ON CONFLICT DO NOTHING",
            &[(&new.environment, Type::TEXT)],
        )
        .await
        .map(drop)
}

/// Writes a run and returns its number in the tables.
async fn make(
    change: &Change<'_>,
    first: &First,
) -> Result<Result<i64, CreateRunError>, StoreError> {
    let First { new, lines } = first;
    known(change, new).await?;
    if let Some((role, digest)) = missing_blob(change, &new.attachments).await? {
        return Ok(Err(CreateRunError::NoBlob { run: new.id.clone(), role, digest }));
    }
    let made = change
        .row(
            "INSERT INTO runs (id, environment, component, plan, created) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING RETURNING number",
            &[
                (&new.id.as_str(), Type::TEXT),
                (&new.environment, Type::TEXT),
                (&new.component, Type::TEXT),
                (&new.plan.to_string(), Type::TEXT),
                (&new.created.0.cast_signed(), Type::INT8),
            ],
        )
        .await?;
    let Some(made) = made else { return Ok(Err(CreateRunError::Exists(new.id.clone()))) };
    let number: i64 = made.try_get(0)?;
    for (role, digest) in &new.attachments {
        change
            .execute(
                "INSERT INTO attachments VALUES ($1, $2, $3)",
                &[(&number, Type::INT8), (role, Type::TEXT), (&digest.to_string(), Type::TEXT)],
            )
            .await?;
    }
    for line in lines {
        change
            .execute(
                "INSERT INTO records VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    (&number, Type::INT8),
                    (&line.sequence, Type::INT8),
                    (&line.epoch, Type::INT8),
                    (&line.kind, Type::TEXT),
                    (&line.digest, Type::TEXT),
                    (&line.body, Type::TEXT),
                ],
            )
            .await?;
    }
    Ok(Ok(number))
}

async fn missing_blob(
    change: &Change<'_>,
    attachments: &BTreeMap<String, Digest>,
) -> Result<Option<(String, Digest)>, StoreError> {
    for (role, digest) in attachments {
        // The lock keeps the bytes from being pruned before the run refers to them.
        let select = "SELECT FROM blobs WHERE digest = $1 FOR KEY SHARE";
        if change.row(select, &[(&digest.to_string(), Type::TEXT)]).await?.is_none() {
            return Ok(Some((role.clone(), *digest)));
        }
    }
    Ok(None)
}
