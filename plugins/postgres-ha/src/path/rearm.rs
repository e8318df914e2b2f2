//! The old server copied anew where the way back was lost, before anybody goes back to it.

use lockstep_sdk::{Failure, Step};

use super::copy::LONG;
use super::parts::{Parts, refs};
use crate::declare::{Declares, RELOAD, statements};
use crate::links::{BACK, publish, subscribe, subscribed};
use crate::names::{self, ADMIN, NEW, OLD};
use crate::needs::Setting;

/// How often it is begun anew, where the cluster's primary changes while it goes on.
const ROUNDS: u32 = 3;

/// What is left while it goes on.
const COPIES: &str = "everybody goes on writing at the cluster, which has every row; the old server, which nobody uses, is filled from \
    there. What it had before is in the locked backup of its volume";

impl<D: Declares> Parts<'_, D> {
    /// Lays out the step, which is done at once where the old server follows the cluster.
    pub(super) fn rearm(&mut self, first: &str) -> Result<String, Failure> {
        let (backup, lock) = ("rearm-backup", "rearm-backup-lock");
        let (empty, publication, link) = ("rearm-empty", "rearm-back-pub", "rearm-back-sub");
        let mut labels = self.end_of("rearm", BACK)?.to_vec();
        labels.extend(self.bounds_anew()?);
        self.declare.backup_volume(backup, &self.context.service)?;
        self.declare.lock_backup(lock, backup)?;
        self.declare.transaction(empty, OLD, statements(self.emptied()))?;
        self.declare.transaction(publication, NEW, publish(BACK, &self.tables()))?;
        let options = self.seen.inside.server.copying();
        let text = subscribe(BACK, &self.context.service, options);
        self.declare.alone(link, OLD, text, &subscribed(BACK))?;
        labels.extend([backup, lock, empty, publication, link].map(str::to_owned));
        let reversed: Vec<_> = labels.iter().map(|label| (label.as_str(), first)).collect();
        let mut step = Step::new(
            names::REARM,
            "Copy the old server anew, if it has not followed the cluster",
            "a failover may take the place in the log with it; then nothing else tells which rows the old server lacks",
        );
        step.rounds = ROUNDS;
        let step = step.effects(&refs(&labels)).if_left(COPIES).reverses(&reversed).limit(LONG);
        self.push_undo(step);
        Ok(names::REARM.to_owned())
    }

    /// The node that leads now has settings of its own, and must not keep more of its log for the link than the former one would.
    fn bounds_anew(&self) -> Result<Vec<String>, Failure> {
        let mut labels = Vec::new();
        for Setting { label, name, value, .. } in
            self.seen.needs.cluster.iter().filter(|setting| setting.lasts)
        {
            let label = format!("rearm-{label}");
            let text = format!("ALTER SYSTEM SET {name} = '{value}'");
            self.declare.again(&label, ADMIN, &text)?;
            labels.push(label);
        }
        if !labels.is_empty() {
            let load = "rearm-load";
            self.declare.transaction(load, ADMIN, statements([RELOAD]))?;
            labels.push(load.to_owned());
        }
        Ok(labels)
    }

    /// Everything at once, so that no row refers to one that is gone; without the triggers that would write instead.
    fn emptied(&self) -> Vec<String> {
        let tables: Vec<String> = self.tables().iter().map(ToString::to_string).collect();
        let mut texts = vec![
            "SET LOCAL lock_timeout = '10s'".to_owned(),
            "SET LOCAL session_replication_role = replica".to_owned(),
        ];
        if !tables.is_empty() {
            texts.push(format!("TRUNCATE {}", tables.join(", ")));
        }
        texts
    }
}
