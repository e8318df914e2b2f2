//! Ending sessions of Lockstep's own that another process left.

use lockstep_engine::model::Failure;
use tokio_postgres::Client;

use super::session::{Databases, failure};
use super::{effect, session};
use crate::order::Order;

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

/// Ends every other session that calls itself so.
pub(super) async fn terminate(client: &Client, name: &str, called: &str) -> Result<(), Failure> {
    let ended = client.query_one(TERMINATE, &[&called]).await;
    ended.map(drop).map_err(|error| failure(name, &error))
}
