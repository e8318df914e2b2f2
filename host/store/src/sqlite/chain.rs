//! Reading records and where they end from the file.

use lockstep_engine::journal::Head;
use lockstep_engine::model::RunId;

use super::append::end;
use super::file::File;
use super::run::number;
use crate::chain::Kept;
use crate::error::StoreError;

impl File {
    pub(crate) fn kept(&self, run: &RunId) -> Result<Option<Vec<Kept>>, StoreError> {
        self.look(|connection| {
            let Some(number) = number(connection, run)? else { return Ok(None) };
            let mut select = connection.prepare_cached(
                "SELECT sequence, epoch, kind, digest, body FROM records WHERE run = ?1 ORDER BY sequence",
            )?;
            let rows = select.query_map([number], |row| {
                Ok(Kept {
                    sequence: row.get(0)?,
                    epoch: row.get(1)?,
                    kind: row.get(2)?,
                    digest: row.get(3)?,
                    body: row.get(4)?,
                })
            })?;
            Ok(Some(rows.collect::<Result<_, _>>()?))
        })
    }

    pub(crate) fn head(&self, run: &RunId) -> Result<Option<Head>, StoreError> {
        self.look(|connection| {
            let Some(number) = number(connection, run)? else { return Ok(None) };
            end(connection, number, run).map(Some)
        })
    }
}
