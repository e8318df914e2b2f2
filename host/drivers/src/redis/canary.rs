//! Canaries in Redis: a bit each, under one key of the host's own.

use lockstep_engine::model::{BITS, Failure, Numbers};
use redis::{RedisError, cmd};

use super::client::{Open, Servers, failure};

/// How long the key outlives its newest canary, in seconds: what a lost process leaves behind goes by itself.
const EXPIRES: u32 = 7 * 24 * 3600;

/// How the connection calls itself.
const CALLED: &str = "lockstep:canary";

impl Servers {
    /// Opens a connection over which canaries are written, where the server was found last.
    pub(crate) async fn connection_of_canaries(&self, name: &str) -> Result<Open, Failure> {
        self.dial_again(name, CALLED).await
    }

    /// Writes one canary. Its place is never made by that, so whoever comes late leaves nothing behind.
    pub(crate) async fn write_bit(
        &self,
        name: &str,
        open: &Open,
        number: u64,
    ) -> Result<(), Failure> {
        let failed = |error: RedisError| self.redactor.failure(failure(name, &error));
        let mut connection = open.connection.clone();
        let there: bool = cmd("EXPIRE")
            .arg(BITS)
            .arg(EXPIRES)
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        if !there {
            let text = format!("the key `{BITS}` is gone from connection `{name}`");
            return Err(Failure::permanent("canary:place", text));
        }
        let mut set = cmd("SETBIT");
        set.arg(BITS).arg(number).arg(1);
        set.query_async::<i64>(&mut connection).await.map(|_| ()).map_err(failed)
    }

    /// Returns those of the acknowledged canaries whose bit is not set. Without the key none is.
    pub(crate) async fn missing_bits(
        &self,
        name: &str,
        acknowledged: &Numbers,
    ) -> Result<Numbers, Failure> {
        let mut open = self.open(name, CALLED).await?;
        let found: Result<Option<Vec<u8>>, RedisError> =
            cmd("GET").arg(BITS).query_async(&mut open.connection).await;
        let bits = found.map_err(|error| self.redactor.failure(failure(name, &error)))?;
        let bits = bits.unwrap_or_default();
        let is_set = |number: &u64| {
            let byte = usize::try_from(number / 8).ok().and_then(|index| bits.get(index));
            byte.is_some_and(|byte| byte & (0x80 >> (number % 8)) != 0)
        };
        Ok(acknowledged.iter().filter(|number| !is_set(number)).collect())
    }
}
