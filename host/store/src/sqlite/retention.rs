//! Retention in the file.

use lockstep_engine::model::Moment;
use rusqlite::Connection;

use super::file::File;
use crate::error::StoreError;
use crate::retention::{Ended, Pruned, chosen};
use crate::run::parsed;

impl File {
    pub(crate) fn prunable(&self, before: Moment) -> Result<Pruned, StoreError> {
        self.look(|connection| Ok(choose(connection, before)?.1))
    }

    pub(crate) async fn prune(&self, before: Moment) -> Result<Pruned, StoreError> {
        let pruned = self.change(move |connection| {
            let (numbers, pruned) = choose(connection, before)?;
            let named = "INSERT INTO removals SELECT value FROM json_each(?1)";
            connection.prepare_cached(named)?.execute([&numbers])?;
            for statement in [
                "UPDATE leases SET run = NULL, holder = NULL WHERE run IN (SELECT run FROM removals)",
                "DELETE FROM records WHERE run IN (SELECT run FROM removals)",
                "DELETE FROM memos WHERE run IN (SELECT run FROM removals)",
                "DELETE FROM attachments WHERE run IN (SELECT run FROM removals)",
                "DELETE FROM runs WHERE number IN (SELECT run FROM removals)",
                "DELETE FROM removals",
            ] {
                connection.prepare_cached(statement)?.execute([])?;
            }
            let mut delete = connection.prepare_cached("DELETE FROM blobs WHERE digest = ?1")?;
            for digest in &pruned.blobs {
                delete.execute([digest.to_string()])?;
            }
            Ok(Ok::<_, std::convert::Infallible>(pruned))
        });
        match pruned.await? {
            Ok(pruned) => Ok(pruned),
            Err(never) => match never {},
        }
    }
}

/// Returns the runs to remove, as a JSON array of their numbers, and what goes with them.
fn choose(connection: &Connection, before: Moment) -> Result<(String, Pruned), StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT runs.number, id, environment, component, last.sequence, last.body
         FROM runs JOIN records last ON last.run = runs.number
          AND last.sequence = (SELECT max(sequence) FROM records WHERE run = runs.number)
         WHERE last.kind = 'finished' ORDER BY runs.number",
    )?;
    let rows = select.query_map([], |row| {
        Ok(Ended {
            number: row.get(0)?,
            id: row.get(1)?,
            environment: row.get(2)?,
            component: row.get(3)?,
            sequence: row.get(4)?,
            body: row.get(5)?,
        })
    })?;
    let (numbers, runs) = chosen(&rows.collect::<Result<Vec<_>, _>>()?, before);
    let numbers =
        serde_json::to_string(&numbers).map_err(|error| StoreError::Failed(error.to_string()))?;
    let mut pruned = Pruned { runs, ..Pruned::default() };
    let mut select = connection.prepare_cached(
        "SELECT digest, length(bytes) FROM blobs
         WHERE digest IN (SELECT digest FROM attachments WHERE run IN (SELECT value FROM json_each(?1)))
           AND digest NOT IN (SELECT digest FROM attachments WHERE run NOT IN (SELECT value FROM json_each(?1)))
         ORDER BY digest",
    )?;
    let mut rows = select.query([&numbers])?;
    while let Some(row) = rows.next()? {
        pruned.blobs.push(parsed(&row.get::<_, String>(0)?)?);
        pruned.bytes += row.get::<_, i64>(1)?.cast_unsigned();
    }
    Ok((numbers, pruned))
}
