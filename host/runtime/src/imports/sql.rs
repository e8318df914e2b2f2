//! `sql`: reading a database.

use lockstep_engine::model::{Read, Reading};

use super::ask::{Answered, only};
use crate::bindings::lockstep::plugin::sql::{Host, Rows};
use crate::bindings::lockstep::plugin::types::Value;
use crate::convert::Inward as _;
use crate::instance::Instance;

impl Host for Instance {
    async fn query(
        &mut self,
        connection: String,
        statement: String,
        parameters: Vec<Value>,
    ) -> Answered<Rows> {
        let read =
            parameters.inward().map(|parameters| Read::Sql(connection, statement, parameters));
        self.read(read, only!(Sql)).await
    }
}
