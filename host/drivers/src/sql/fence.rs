//! Ending sessions of Lockstep's own that another process left.

use std::time::Duration;

use lockstep_engine::model::Failure;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::session::{Databases, failure};
use super::{effect, session};
use crate::order::Order;

/// How long a session may take to end, and how often it is looked whether it has.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

const TERMINATE: &str = "\
    SELECT count(pg_catalog.pg_terminate_backend(a.pid)) FROM pg_catalog.pg_stat_activity a \
    WHERE a.application_name = $1 AND a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()";

impl Databases {
    /// Ends the sessions by which another process may still carry out the effect. A transaction that is open there ends undone.
    pub(crate) async fn fence(&self, order: &Order<'_>, name: &str) -> Result<(), Failure> {
        let own = session::called(&effect::called(order));
        let session = self.open(name, "lockstep:fence").await?;
        terminate(&session.client, name, &own).await.map_err(|error| self.redactor.failure(error))
    }
}

/// Ends every other session that calls itself so, and returns when none is left: a statement may take a while to notice.
pub(super) async fn terminate(client: &Client, name: &str, called: &str) -> Result<(), Failure> {
    let gone = async {
        loop {
            let row = client.query_one(TERMINATE, &[&called]).await;
            let left = row.and_then(|row| row.try_get::<_, i64>(0));
            if left.map_err(|error| failure(name, &error))? == 0 {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap_or_else(|elapsed| {
        let text = format!("connection `{name}` did not end a session in time: {elapsed}");
        Err(Failure::transient("sql:timeout", text))
    })
}
