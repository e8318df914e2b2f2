//! Canaries in Redis: a bit each, under one key of the host's own.

use lockstep_engine::model::{BITS, Failure, Numbers};
use redis::{RedisError, cmd};

use super::client::{Open, Servers, failure};

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
        let gone = || {
            let text = format!("the key `{BITS}` is gone from connection `{name}`");
            Failure::permanent("canary:place", text)
        };
        // Between the look and the write nobody removes the key unseen.
        cmd("WATCH").arg(BITS).exec_async(&mut connection).await.map_err(failed)?;
        let there: bool =
            cmd("EXISTS").arg(BITS).query_async(&mut connection).await.map_err(failed)?;
        if !there {
            return Err(gone());
        }
        let mut set = redis::pipe();
        set.atomic().cmd("SETBIT").arg(BITS).arg(number).arg(1);
        let written: Option<Vec<i64>> = set.query_async(&mut connection).await.map_err(failed)?;
        written.map(|_| ()).ok_or_else(gone)
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
