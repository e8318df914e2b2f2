//! `sql-effects`: declaring changes to a database.

use lockstep_engine::model::Kind;

use super::ask::Answered;
use crate::bindings::lockstep::plugin::sql_effects::{
    ArgumentRule, Atomicity, Host, Proof, Statement, Times,
};
use crate::convert::Inward as _;
use crate::instance::Instance;

impl Host for Instance {
    async fn execute(
        &mut self,
        label: String,
        connection: String,
        statements: Vec<Statement>,
        atomicity: Atomicity,
        rules: Vec<ArgumentRule>,
        times: Times,
        proof: Proof,
    ) -> Answered<()> {
        let kind = || {
            let (statements, atomicity) = (statements.inward()?, atomicity.inward()?);
            Ok(Kind::SqlExecute { connection, statements, atomicity })
        };
        self.declare_ruled(&label, rules, times, proof, kind).await
    }
}
