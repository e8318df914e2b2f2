//! `sql-effects`: declaring changes to a database.

use lockstep_engine::model::{Effect, Kind, Millis, Transfer};

use super::ask::Answered;
use crate::bindings::lockstep::plugin::sql_effects::{
    ArgumentRule, Atomicity, Host, Indexes, Part, Proof, Scope, Statement, Times,
};
use crate::convert::{Inward as _, Refused, name};
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

    async fn copy_schema(
        &mut self,
        label: String,
        source: String,
        target: String,
        part: Part,
    ) -> Answered<()> {
        let transfer = part.inward().map(|part| Transfer::CopySchema { source, target, part });
        self.declare(transferring(&label, transfer)).await
    }

    async fn build_indexes(
        &mut self,
        label: String,
        source: String,
        target: String,
        which: Indexes,
    ) -> Answered<()> {
        let transfer = which.inward().map(|which| Transfer::BuildIndexes { source, target, which });
        self.declare(transferring(&label, transfer)).await
    }

    async fn copy_sequences(
        &mut self,
        label: String,
        source: String,
        target: String,
        ahead: u64,
    ) -> Answered<()> {
        let transfer = Transfer::CopySequences { source, target, ahead };
        self.declare(transferring(&label, Ok(transfer))).await
    }

    async fn hold_snapshots(
        &mut self,
        label: String,
        left: String,
        right: String,
        longest: u64,
    ) -> Answered<()> {
        let transfer = Transfer::HoldSnapshots { left, right, longest: Millis(longest) };
        self.declare(transferring(&label, Ok(transfer))).await
    }

    async fn compare(
        &mut self,
        label: String,
        left: String,
        right: String,
        scope: Scope,
        at: Option<String>,
        except: Vec<String>,
    ) -> Answered<()> {
        let transfer = scope.inward().and_then(|scope| {
            let at = at.as_deref().map(name).transpose()?;
            Ok(Transfer::Compare { left, right, scope, at, except })
        });
        self.declare(transferring(&label, transfer)).await
    }
}

fn transferring(label: &str, transfer: Result<Transfer, Refused>) -> Result<Effect, Refused> {
    let label = name(label)?;
    transfer.map(|transfer| Effect::plain(label, Kind::Transfer(transfer)))
}
