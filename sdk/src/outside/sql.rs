//! Reading a database.

use crate::{Failure, Rows, Value};

/// Reads of a database.
pub trait Sql {
    /// Runs one `SELECT` or `SHOW`.
    fn query(
        &self,
        connection: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure>;
}
