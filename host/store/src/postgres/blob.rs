//! Bytes in the schema.

use lockstep_engine::model::Digest;
use tokio_postgres::types::Type;

use super::server::Server;
use crate::error::StoreError;

impl Server {
    pub(crate) async fn put(&self, digest: Digest, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.apart(async move |server| server.put_now(digest, bytes).await).await
    }

    async fn put_now(&self, digest: Digest, bytes: Vec<u8>) -> Result<(), StoreError> {
        let change = self.begin().await?;
        change
            .execute(
                "INSERT INTO blobs VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes
                 WHERE blobs.bytes <> excluded.bytes",
                &[(&digest.to_string(), Type::TEXT), (&bytes, Type::BYTEA)],
            )
            .await?;
        change.commit().await
    }

    pub(crate) async fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = digest.to_string();
        let select = "SELECT bytes FROM blobs WHERE digest = $1";
        let rows = self.look(select, &[(&digest, Type::TEXT)]).await?;
        rows.first().map(|row| Ok(row.try_get(0)?)).transpose()
    }
}
