//! Ending connections of Lockstep's own that another process left.

use lockstep_engine::model::Failure;
use redis::{RedisError, cmd};

use super::client::{Servers, failure};
use super::effect::called;
use crate::order::Order;

impl Servers {
    /// Ends the connections by which another process may still send the effect's command. What the server has of it already,
    /// it carries out.
    pub(crate) async fn fence(&self, order: &Order<'_>, name: &str) -> Result<(), Failure> {
        let failed = |error: RedisError| self.redactor.failure(failure(name, &error));
        let mut open = self.open(name, "lockstep:fence").await?;
        let listed: String =
            cmd("CLIENT").arg("LIST").query_async(&mut open.connection).await.map_err(failed)?;
        for id in ids(&listed, &called(order)) {
            let mut kill = cmd("CLIENT");
            kill.arg("KILL").arg("ID").arg(id);
            let _ended: i64 = kill.query_async(&mut open.connection).await.map_err(failed)?;
        }
        Ok(())
    }
}

/// Returns the ids of the clients of this name in what `CLIENT LIST` answers.
fn ids<'a>(listed: &'a str, name: &str) -> Vec<&'a str> {
    let of = |line: &'a str, field: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(field)?.strip_prefix('='))
    };
    let named = listed.lines().filter(|line| of(line, "name") == Some(name));
    named.filter_map(|line| of(line, "id")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_its_whole_name() {
        let listed = "id=3 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=8 name=lockstep:a age=1\n\
                      id=4 addr=127.0.0.1:1 fd=9 name=lockstep:ab age=1\nid=5 addr=127.0.0.1:1 fd=9 name= age=1\n";
        assert_eq!(ids(listed, "lockstep:a"), ["3"]);
        assert!(ids(listed, "lockstep").is_empty());
    }
}
