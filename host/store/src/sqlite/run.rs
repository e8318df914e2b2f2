//! Runs in the file.

use std::collections::BTreeMap;

use lockstep_engine::model::{Digest, Moment, RunId};
use rusqlite::{Connection, OptionalExtension};

use super::append::write;
use super::file::File;
use super::lease::{free, give};
use crate::error::StoreError;
use crate::lease::{Lease, Wanted};
use crate::run::{BeginRunError, CreateRunError, First, NewRun, RunSummary, parsed};

impl File {
    pub(crate) async fn create_run(
        &self,
        first: First,
    ) -> Result<Result<(), CreateRunError>, StoreError> {
        self.change(move |connection| Ok(make(connection, &first)?.map(drop))).await
    }

    pub(crate) async fn begin_run(
        &self,
        first: First,
        wanted: Wanted,
    ) -> Result<Result<Lease, BeginRunError>, StoreError> {
        self.change(move |connection| {
            let free = match free(connection, &wanted)? {
                Ok(free) => free,
                Err(held) => return Ok(Err(held.into())),
            };
            let number = match make(connection, &first)? {
                Ok(number) => number,
                Err(refused) => return Ok(Err(refused.into())),
            };
            give(connection, &wanted, free, number).map(Ok)
        })
        .await
    }

    pub(crate) fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, environment, component, plan, created,
                        (SELECT ifnull(max(sequence) + 1, 0) FROM records WHERE run = runs.number),
                        (SELECT kind FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1), due
                 FROM runs ORDER BY number DESC",
            )?;
            let mut rows = select.query([])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.push(RunSummary {
                    id: parsed(&row.get::<_, String>(0)?)?,
                    environment: row.get(1)?,
                    component: row.get(2)?,
                    plan: parsed(&row.get::<_, String>(3)?)?,
                    created: Moment(row.get::<_, i64>(4)?.cast_unsigned()),
                    records: row.get::<_, i64>(5)?.cast_unsigned(),
                    last: row.get(6)?,
                    due: row.get::<_, Option<i64>>(7)?.map(|due| Moment(due.cast_unsigned())),
                });
            }
            Ok(runs)
        })
    }

    /// Returns the ids that begin with `text`, newest first.
    pub(crate) fn run_ids(&self, text: &str) -> Result<Vec<RunId>, StoreError> {
        self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM runs WHERE ?1 <> '' AND substr(id, 1, length(?1)) = ?1 ORDER BY number DESC",
            )?;
            let rows = select.query_map([text], |row| row.get::<_, String>(0))?;
            rows.map(|id| parsed(&id?)).collect()
        })
    }

    pub(crate) fn attachments(&self, run: &RunId) -> Result<BTreeMap<String, Digest>, StoreError> {
        self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT role, digest FROM attachments JOIN runs ON runs.number = run WHERE runs.id = ?1",
            )?;
            let rows = select.query_map([run.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
            rows.map(|row| row.map_err(StoreError::from).and_then(|(role, digest)| Ok((role, parsed(&digest)?)))).collect()
        })
    }
}

/// Writes a run and returns its number in the tables.
fn make(connection: &Connection, first: &First) -> Result<Result<i64, CreateRunError>, StoreError> {
    let First { new, lines } = first;
    if number(connection, &new.id)?.is_some() {
        return Ok(Err(CreateRunError::Exists(new.id.clone())));
    }
    if let Some((role, digest)) = missing_blob(connection, &new.attachments)? {
        return Ok(Err(CreateRunError::NoBlob { run: new.id.clone(), role, digest }));
    }
    let number = insert(connection, new)?;
    write(connection, number, lines)?;
    Ok(Ok(number))
}

/// Returns a run's number in this store's tables.
pub(super) fn number(connection: &Connection, run: &RunId) -> Result<Option<i64>, StoreError> {
    let mut select = connection.prepare_cached("SELECT number FROM runs WHERE id = ?1")?;
    Ok(select.query_row([run.as_str()], |row| row.get(0)).optional()?)
}

fn missing_blob(
    connection: &Connection,
    attachments: &BTreeMap<String, Digest>,
) -> Result<Option<(String, Digest)>, StoreError> {
    let mut select = connection.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?;
    for (role, digest) in attachments {
        if !select.exists([digest.to_string()])? {
            return Ok(Some((role.clone(), *digest)));
        }
    }
    Ok(None)
}

fn insert(connection: &Connection, new: &NewRun) -> Result<i64, StoreError> {
    connection
        .prepare_cached("INSERT INTO runs (id, environment, component, plan, created) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((
            new.id.as_str(),
            &new.environment,
            &new.component,
            new.plan.to_string(),
            new.created.0.cast_signed(),
        ))?;
    let number = connection.last_insert_rowid();
    let mut attach = connection.prepare_cached("INSERT INTO attachments VALUES (?1, ?2, ?3)")?;
    for (role, digest) in &new.attachments {
        attach.execute((number, role, digest.to_string()))?;
    }
    Ok(number)
}
