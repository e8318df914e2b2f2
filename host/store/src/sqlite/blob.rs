//! Bytes in the file.

use lockstep_engine::model::Digest;
use rusqlite::OptionalExtension;

use super::file::File;
use crate::error::StoreError;

impl File {
    pub(crate) async fn put(&self, digest: Digest, bytes: Vec<u8>) -> Result<(), StoreError> {
        let kept = self.change(move |connection| {
            let mut select = connection.prepare_cached("SELECT bytes = ?2 FROM blobs WHERE digest = ?1")?;
            let same: Option<bool> = select.query_row((digest.to_string(), &bytes), |row| row.get(0)).optional()?;
            if same != Some(true) {
                connection
                    .prepare_cached(
                        "INSERT INTO blobs VALUES (?1, ?2) ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes",
                    )?
                    .execute((digest.to_string(), &bytes))?;
            }
            Ok(Ok::<_, std::convert::Infallible>(()))
        });
        match kept.await? {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(|connection| {
            let mut select =
                connection.prepare_cached("SELECT bytes FROM blobs WHERE digest = ?1")?;
            Ok(select.query_row([digest.to_string()], |row| row.get(0)).optional()?)
        })
    }
}
