//! `sql-effects`: declaring changes to a database.

use lockstep_engine::model::{Effect, Kind, Millis};

use super::ask::Answered;
use crate::bindings::lockstep::plugin::sql_effects::{
    ArgumentRule, Atomicity, Host, Proof, Statement, Times,
};
use crate::convert::{Inward as _, name};
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

    async fn hold_writes(
        &mut self,
        label: String,
        connection: String,
        schemas: Vec<String>,
        max_outage: u64,
        lock_timeout: u64,
    ) -> Answered<()> {
        let (max_outage, lock_timeout) = (Millis(max_outage), Millis(lock_timeout));
        let kind = Kind::HoldWrites { connection, schemas, max_outage, lock_timeout };
        self.declare(name(&label).map(|label| Effect::plain(label, kind))).await
    }

    async fn release_writes(
        &mut self,
        label: String,
        connection: String,
        hold: String,
    ) -> Answered<()> {
        let effect = name(&label).and_then(|label| {
            let hold = name(&hold)?;
            Ok(Effect::plain(label, Kind::ReleaseWrites { connection, hold }))
        });
        self.declare(effect).await
    }
}
